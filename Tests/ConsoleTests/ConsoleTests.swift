/// Tests of Console.
import Testing
