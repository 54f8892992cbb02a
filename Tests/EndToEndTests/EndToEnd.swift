/// Tests of the finished program: real processes, real sockets, a real redis-server beside it.
///
/// They run one after the other, since most of them measure time or memory. `A2_SUBJECT=redis` runs them
/// against a second redis-server, which shows that the tests themselves are right.
import TestSupport
import Testing

@Suite(.serialized) struct EndToEnd {}
