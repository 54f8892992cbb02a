/// Tests of Client.
import Testing
