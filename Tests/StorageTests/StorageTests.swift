/// Tests of Storage.
import Testing
