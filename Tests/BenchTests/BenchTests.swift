/// Tests of Bench.
import Testing
