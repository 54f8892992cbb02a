/// Redis computes INCRBYFLOAT in C's `long double`; so do we where the processor has it.
#if arch(x86_64) || arch(i386)
    public typealias LongDouble = Float80
#else
    public typealias LongDouble = Double
#endif
