/// What a node keeps on disk: its log, its snapshots, its identity. This file: what Storage asks of a disk.
