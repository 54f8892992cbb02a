/// Tests of Offline.
import Testing
