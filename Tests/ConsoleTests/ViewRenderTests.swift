/// What each view prints, at several widths, to the letter.
///
/// To change what a view prints on purpose, look at the difference and copy it here.
import Testing

@testable import Console

@Suite struct ViewRenderTests {
    @Test("Nodes at 120") func nodes120() {
        let text = shown(ViewNodes(reading: ViewFixtures.hurt), width: 120)
        expect(
            text,
            #"""

            NODE            ID  ADDRESS         REGION  STATE   KEYS  OPS/S  CLIENTS    MEMORY   UPTIME    CLOCK  VERSION
            node-1           1  127.0.0.1:7001  eu      up      1200    340       12    2.1 MB  3 h 5 m  +0.1 ms  a2 0.1.0
            node-2           2  127.0.0.1:7002  us      up      1200  12.4k       12    2.1 MB  3 h 5 m  +0.1 ms  a2 0.1.0
            node-3           3  127.0.0.1:7003  —       down       —      —        —         —        —        —  —
            127.0.0.1:6379   —  127.0.0.1:6379  —       not a2     5      0        1  878.9 KB   30.0 s        —  Redis 7.0.15
            node-3 (127.0.0.1:7003): cannot connect: Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an a2 node: it has no peers to tell of
            node 9 (node-9) is known at 127.0.0.1:17009 only, its peer port: name its client address with --node

            """#)
    }

    @Test("Nodes at 80") func nodes80() {
        let text = shown(ViewNodes(reading: ViewFixtures.hurt), width: 80)
        expect(
            text,
            #"""

            NODE            ID  ADDRESS         REGION  STATE   KEYS  OPS/S    MEMORY
            node-1           1  127.0.0.1:7001  eu      up      1200    340    2.1 MB
            node-2           2  127.0.0.1:7002  us      up      1200  12.4k    2.1 MB
            node-3           3  127.0.0.1:7003  —       down       —      —         —
            127.0.0.1:6379   —  127.0.0.1:6379  —       not a2     5      0  878.9 KB
            node-3 (127.0.0.1:7003): cannot connect: Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an a2 node: it has no peers to tell of
            node 9 (node-9) is known at 127.0.0.1:17009 only, its peer port: name its client
              address with --node

            """#)
    }

    @Test("Nodes at 40") func nodes40() {
        let text = shown(ViewNodes(reading: ViewFixtures.hurt), width: 40)
        expect(
            text,
            #"""

            NODE            ADDRESS         STATE
            node-1          127.0.0.1:7001  up
            node-2          127.0.0.1:7002  up
            node-3          127.0.0.1:7003  down
            127.0.0.1:6379  127.0.0.1:6379  not a2
            node-3 (127.0.0.1:7003): cannot connect:
              Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an
              a2 node: it has no peers to tell of
            node 9 (node-9) is known at
              127.0.0.1:17009 only, its peer port:
              name its client address with --node

            """#)
    }

    @Test("Lag as a matrix") func lagMatrix() {
        let text = shown(ViewLag(reading: ViewFixtures.cut), width: 80)
        expect(
            text,
            #"""

            reads ↓ of →  node-1            node-2       node-3
            node-1             ·           1 ms +3       210 ms
            node-2          2 ms                 ·  down 12.3 s
            node-3        212 ms  down 12.3 s +840            ·

            """#)
    }

    @Test("Lag as a matrix of ASCII") func lagASCII() {
        let text = shown(ViewLag(reading: ViewFixtures.hurt), width: 80, isUnicode: false)
        expect(
            text,
            #"""

            reads \ of           node-1            node-2        node-3
            node-1                    .           1 ms +3  down 1 m 5 s
            node-2                 2 ms                 .   down 12.3 s
            node-3      down 1 m 5 s +4  down 12.3 s +840             .
            node-3 (127.0.0.1:7003): cannot connect: Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an a2 node: it has no peers to tell of
            node 9 (node-9) is known at 127.0.0.1:17009 only, its peer port: name its client
              address with --node

            """#)
    }

    @Test("Lag as a list where the matrix is too wide") func lagList() {
        let text = shown(ViewLag(reading: ViewFixtures.cut), width: 40)
        expect(
            text,
            #"""

            READER  WRITER               LAG
            node-2  node-3       down 12.3 s
            node-3  node-2  down 12.3 s +840
            node-3  node-1            212 ms
            node-1  node-3            210 ms
            node-2  node-1              2 ms
            node-1  node-2           1 ms +3

            """#)
    }

    @Test("The map") func map80() {
        let text = shown(ViewMap(reading: ViewFixtures.cut), width: 80)
        expect(
            text,
            #"""

            ● node-1  eu  127.0.0.1:7001  up
            ├──▶  node-2  up    2 ms behind
            └──▶  node-3  up  212 ms behind
            ● node-2  us  127.0.0.1:7002  up
            ├──▶  node-1  up      1 ms behind  3 frames, 132 B wait
            └─╳─  node-3  down  12.3 s behind  840 frames, 36.1 KB wait
            ● node-3  ap  127.0.0.1:7003  up
            ├──▶  node-1  up    210 ms behind
            └─╳─  node-2  down  12.3 s behind

            """#)
    }

    @Test("The map in ASCII, narrow") func map40() {
        let text = shown(ViewMap(reading: ViewFixtures.hurt), width: 40, isUnicode: false)
        expect(
            text,
            #"""

            * node-1  eu  127.0.0.1:7001  up
            |-->  node-2  up       2 ms behind
            `-X-  node-3  down  1 m 5 s behind
            * node-2  us  127.0.0.1:7002  up
            |-->  node-1  up      1 ms behind
            `-X-  node-3  down  12.3 s behind
            * node-3  127.0.0.1:7003  down
            |-X-  node-1  down  1 m 5 s behind
            `-X-  node-2  down   12.3 s behind
            * 127.0.0.1:6379  127.0.0.1:6379  not a2
            node-3 (127.0.0.1:7003): cannot connect:
              Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an
              a2 node: it has no peers to tell of
            node 9 (node-9) is known at
              127.0.0.1:17009 only, its peer port:
              name its client address with --node

            """#)
    }

    @Test("The map for Graphviz") func mapDot() {
        let text = shown(ViewMap(reading: ViewFixtures.cut, isDot: true), width: 1000)
        expect(
            text,
            #"""

            digraph a2 {
              rankdir=LR;
              "node-1" [label="node-1\neu", color=black];
              "node-2" [label="node-2\nus", color=black];
              "node-3" [label="node-3\nap", color=black];
              "node-2" -> "node-1" [label="1 ms +3", color=black];
              "node-3" -> "node-1" [label="210 ms", color=black];
              "node-1" -> "node-2" [label="2 ms", color=black];
              "node-3" -> "node-2" [label="down 12.3 s", color=red, style=dashed];
              "node-1" -> "node-3" [label="212 ms", color=black];
              "node-2" -> "node-3" [label="down 12.3 s +840", color=red, style=dashed];
            }

            """#)
    }

    @Test("Digest with its partitions") func digest80() {
        let text = shown(ViewDigest(reading: ViewFixtures.diverged, showsPartitions: true), width: 80)
        expect(
            text,
            #"""

            NODE    DIGEST                            STATE
            node-1  a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
            node-2  a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
            node-3  b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2  differs

            DIVERGED: 1 diverged, 2 in flight, 253 equal of 256 partitions, looked at again
              after 520 ms
            node-3 lacks writes of node-2: 2 partitions, for 12.3 s at least

              0 ·······#························································
             64 ································································
            128 ··~·····························································
            192 ·······························································~
                · equal   ~ in flight   # diverged

            KEY          DB  STATE      DIFFERS ON  PARTITION
            cart:17       0  diverged   node-3              7
            "\xff\x00A"   3  in-flight  node-3            130
            and 4 more keys
            1 more partition not looked into: --all does

            """#)
    }

    @Test("Keys in flight do not hide the ones that have diverged") func digestOfMany() {
        var reading = ViewFixtures.diverged
        let inFlight = reading.keys[1]
        for number in 0..<14 {
            var key = inFlight
            key.key = Array("late:\(number)".utf8)
            reading.keys.append(key)
        }
        let text = shown(ViewDigest(reading: reading), width: 100)
        #expect(text.contains("cart:17") && text.contains("late:8") && !text.contains("late:9"), "\(text)")
        #expect(text.contains("and 5 more keys in flight: --all lists them"), "\(text)")
        #expect(shown(ViewDigest(reading: reading, showsAll: true), width: 100).contains("late:13"))
        #expect(ViewDigest(reading: reading).json.text.contains("late:13"))
    }

    @Test("Digest at 40") func digest40() {
        let text = shown(ViewDigest(reading: ViewFixtures.diverged), width: 40)
        expect(
            text,
            #"""

            NODE    DIGEST                   STATE
            node-1  a1a1a1a1a1a1a1a1a1a1a1…
            node-2  a1a1a1a1a1a1a1a1a1a1a1…
            node-3  b2b2b2b2b2b2b2b2b2b2b2…  differs

            DIVERGED: 1 diverged, 2 in flight, 253
              equal of 256 partitions, looked at
              again after 520 ms
            node-3 lacks writes of node-2: 2
              partitions, for 12.3 s at least

            KEY          DB  STATE      DIFFERS ON
            cart:17       0  diverged   node-3
            "\xff\x00A"   3  in-flight  node-3
            and 4 more keys
            1 more partition not looked into: --all…

            """#)
    }

    @Test("A key side by side") func sides80() {
        let text = shown(ViewFixtures.sides(.diverged), width: 80)
        expect(
            text,
            #"""

            key cart:17
                    node-1           node-2           node-3
            type    string           string           string
            value   "three apples"   "three apples"  !"four apples"
            form    bytes            history          bytes
            DIVERGED: still different after 520 ms, and no write is on its way

            """#)
    }

    @Test("A key stacked") func sides40() {
        let text = shown(ViewFixtures.sides(.inFlight), width: 40)
        expect(
            text,
            #"""

            key cart:17
            type  string
            value
              node-1   "three apples"
              node-2   "three apples"
              node-3  !"four apples"
            form
              node-1   bytes
              node-2   history
              node-3   bytes
            in flight: a write is on its way

            """#)
    }

    @Test("Probe") func probe80() {
        let text = shown(ViewProbe(reading: ViewFixtures.probe), width: 80)
        expect(
            text,
            #"""

            written ↓ seen →   node-1   node-2        node-3
            node-1                  ·  0.13 ms        failed
            node-2            12.4 ms        ·  not in 5.0 s
            node-1            refused        —             —
            node-3 did not show it: connection closed
            node-1 took no write: LOADING
            node-3 (127.0.0.1:7003): cannot connect: Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an a2 node: it has no peers to tell of
            node 9 (node-9) is known at 127.0.0.1:17009 only, its peer port: name its client
              address with --node

            """#)
    }

    @Test("The top at 120×24") func top120() {
        let text = screen(ViewFixtures.top(ViewFixtures.cut), 120, 24)
        expect(
            text,
            #"""

            a2 top default · 3 nodes · 16:00:00Z · every 1s
            NODE    STATE     LAG  DIGEST  OPS/S           QUEUE    CLOCK        REPAIRED  KEYS  MEMORY     CUT  REGION
            node-1  up     210 ms  =         340  ▁▁▁▁█      0 B  +0.1 ms               0  1200  2.1 MB  900 ms  eu
            node-2  up     12.3 s  =       12.4k  ▁█     36.1 KB  +0.1 ms  12 (4.2 s ago)  1200  2.1 MB  900 ms  us
            node-3  up     12.3 s  1≠ 3~       0  ▁▁▁        0 B  -130 ms               0  1200  2.1 MB  900 ms  ap
            digests: 252 equal, 3 in flight, 1 diverged  2.1 s ago

            reads ↓ of →  node-1            node-2       node-3
            node-1             ·           1 ms +3       210 ms
            node-2          2 ms                 ·  down 12.3 s
            node-3        212 ms  down 12.3 s +840            ·












            q quit  p pause  s sort: name  + - refresh  ? help

            """#)
    }

    @Test("The top at 80×24 with a node down") func top80() {
        let text = screen(ViewFixtures.top(ViewFixtures.hurt), 80, 24)
        expect(
            text,
            #"""

            a2 top default · 4 nodes, 1 down · 16:00:00Z · every 1s
            NODE            STATE       LAG  DIGEST  OPS/S           QUEUE    CLOCK  KEYS
            node-1          up      1 m 5 s  =         340  ▁▁▁▁█    176 B  +0.1 ms  1200
            node-2          up       12.3 s  =       12.4k  ▁█     36.1 KB  +0.1 ms  1200
            node-3          down          —  —           —  —            —        —     —
            127.0.0.1:6379  not a2        —  —           0               —        —     5
            digests: 252 equal, 3 in flight, 1 diverged  2.1 s ago
            node-3 (127.0.0.1:7003): cannot connect: Connection refused
            127.0.0.1:6379 is Redis 7.0.15, not an a2 node: it has no peers to tell of
            node 9 (node-9) is known at 127.0.0.1:17009 only, its peer port: name its clien…

            reads ↓ of →           node-1            node-2        node-3
            node-1                      ·           1 ms +3  down 1 m 5 s
            node-2                   2 ms                 ·   down 12.3 s
            node-3        down 1 m 5 s +4  down 12.3 s +840             ·








            q quit  p pause  s sort: name  + - refresh  ? help

            """#)
    }

    @Test("The top at 40×12") func top40() {
        let text = screen(ViewFixtures.top(ViewFixtures.cut), 40, 12)
        expect(
            text,
            #"""

            a2 top 3 nodes · every 1s
            NODE    STATE     LAG  DIGEST  OPS/S
            node-1  up     210 ms  =         340
            node-2  up     12.3 s  =       12.4k
            node-3  up     12.3 s  1≠ 3~       0
            digests: 252 equal, 3 in flight, 1 dive…
            READER  WRITER               LAG
            node-2  node-3       down 12.3 s
            node-3  node-2  down 12.3 s +840
            node-3  node-1            212 ms
            node-1  node-3            210 ms
            q p s:name + - ?  ↑↓ 2 more

            """#)
    }

    @Test("The top at 20×5 without Unicode") func top20() {
        let text = screen(ViewFixtures.top(ViewFixtures.cut), 20, 5, isUnicode: false)
        expect(
            text,
            #"""

            a2 top 3 nodes | ev>
            NODE    STATE     L>
            node-1  up     210 >
            node-2  up     12.3>
            q p s:name + - ?  9>

            """#)
    }
}
