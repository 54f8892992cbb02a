"""Crashes of a node on a disk that loses what was not synced: crashes.py A2 SHIM FROM UNTIL WAY…

For every seed and every way a node is started several times over one data directory, each time but the last under the
shim (lossy_disk.c), which ends it somewhere and takes back writes and names. A way is a policy, "always", "everysec" or
"no"; with "+peer" the node has a peer that stays up, which writes too; with "+lies" syncs do nothing, which has to be
found out. What is checked after every crash:

- the counters of each connection show a prefix of what it sent, no part of a MULTI, which holds all that was
  acknowledged under "always", and under "everysec" all that was more than two seconds before the end;
- no write has a stamp at or below one that clients or the peer had seen of the same replica and partition;
- the peer has lost nothing, nodes end with the same digest and the same versions, without forks and without repairs of
  what should have been equal.

Prints a line for each way with what really happened, and at the end "all well", or what was lost, and exits with 1.
Ports are of the system's choice."""
import collections
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import redis

LIVES = 6
CONNECTIONS = 3
# Seconds a life may take to reach its crash.
LIFE_MAX = 4
# What "everysec" may lose, and what a busy machine takes to hand to its log what it has acknowledged.
LOSS_MAX = 2.1


class Wrong(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stamp(text):
    """Of "milliseconds+counter@replica": the replica, and what its stamps are ordered by."""
    time_and_counter, replica = text.decode().split("@")
    milliseconds, counter = time_and_counter.split("+")
    return replica, (int(milliseconds), int(counter))


class Node:
    def __init__(self, folder, number, arguments, environment={}):
        self.log = os.path.join(folder, "log-%d" % number)
        self.port = free_port()
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--node-id", str(number), "--port", str(self.port)] + arguments,
                env=dict(os.environ, **environment), stdout=log, stderr=log)

    def text(self):
        return open(self.log, errors="replace").read()[-2500:]

    def connect(self):
        """A client, or None if the node has ended."""
        for _ in range(3000):
            if self.process.poll() is not None:
                return None
            try:
                client = redis.Redis(port=self.port, socket_timeout=20)
                client.ping()
                return client
            except redis.RedisError:
                time.sleep(0.01)
        raise Wrong("the node does not answer:\n" + self.text())

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Stamps:
    """The highest of each replica and partition that anybody has seen: none may be used again."""

    def __init__(self):
        self.former = {}
        self.current = {}
        self.lock = threading.Lock()

    def saw(self, partition, text):
        replica, value = stamp(text)
        with self.lock:
            if value <= self.former.get((partition, replica), (0, 0)):
                raise Wrong("stamp %s of partition %d was used before: %r had been seen" % (
                    text.decode(), partition, self.former[(partition, replica)]))
            self.current[(partition, replica)] = max(value, self.current.get((partition, replica), (0, 0)))

    def crashed(self, versions=()):
        """What was seen until now belongs to former lives; `versions` are a peer's."""
        for place, value in list(self.current.items()) + list(versions):
            self.former[place] = max(value, self.former.get(place, (0, 0)))


class Connection:
    """A client with counters of its own, and a large value: what it sent, in order, and when it was told what."""

    def __init__(self, number, seed, policy):
        self.random = random.Random(seed * 31 + number)
        self.policy = policy
        self.keys = ["{%d}count:%d" % (self.random.randrange(1000), number) for _ in range(8)]
        self.large = "large:%d" % number
        self.base = collections.Counter()
        self.base_large = 0
        self.next_large = 1
        self.forget()

    def forget(self):
        self.sent = []  # A key, or the number of a large value; with whether it may be the last one that is there.
        self.acknowledged = []  # When, and how many of `sent` by then.

    def write(self, client, stamps):
        key = self.random.choice(self.keys)
        whole = self.random.random() < 0.3
        count = self.random.choice([1, 1, 1, 20])
        pipeline = client.pipeline(transaction=whole)
        ops = [(key, not whole or index == count - 1) for index in range(count)]
        for _ in range(count):
            pipeline.incr(key)
        # Beside the MULTI, whose parts stand in the log together for each partition.
        if not whole and self.random.random() < 0.1:
            pipeline.set(self.large, b"%d:" % self.next_large + b"x" * self.random.randrange(100_000))
            ops.append((self.next_large, True))
            self.next_large += 1
        if not whole:
            pipeline.execute_command("A2.META", key)
        if self.random.random() < 0.02:
            pipeline.execute_command("BGSAVE")
        before = len(self.sent)
        self.sent += ops
        try:
            replies = pipeline.execute(raise_on_error=False)
        except redis.exceptions.ExecAbortError:
            del self.sent[before:]
            return
        refused = [isinstance(reply, redis.RedisError) for reply in replies[:len(ops)]]
        self.sent[before:] = [op for op, isRefused in zip(ops, refused) if not isRefused]
        self.acknowledged.append((time.time(), len(self.sent)))
        if not whole and not any(refused):
            meta = replies[len(ops)]
            meta = dict(zip(meta[::2], meta[1::2]))
            stamps.saw(meta[b"partition"], meta[b"stamp"])

    def certain(self, ended):
        if self.policy == "no":
            return 0
        return max((n for t, n in self.acknowledged if self.policy == "always" or t < ended - LOSS_MAX), default=0)

    def look(self, client):
        values = client.mget(self.keys)
        found = collections.Counter({k: int(v) for k, v in zip(self.keys, values) if v is not None})
        large = client.get(self.large)
        number, _, rest = (large or b"0:").partition(b":")
        if rest.strip(b"x"):
            raise Wrong("%s is not what was written" % self.large)
        return found, int(number)

    def check(self, client, ended):
        """That what is there is a beginning of what was sent, with all that is certain; it is what the next life begins
        with."""
        found, large = self.look(client)
        expected, expected_large = collections.Counter(self.base), self.base_large
        matches = []
        for position in range(len(self.sent) + 1):
            if position > 0:
                op = self.sent[position - 1][0]
                if isinstance(op, int):
                    expected_large = op
                else:
                    expected[op] += 1
            if (position == 0 or self.sent[position - 1][1]) and expected == found and expected_large == large:
                matches.append(position)
        if not matches:
            raise Wrong("what is there is no beginning of what was sent: %r and large value %d, of %d commands on %r "
                        "and %d" % (dict(found), large, len(self.sent), dict(self.base), self.base_large))
        certain = self.certain(ended)
        if matches[-1] < certain:
            raise Wrong("only the first %d of %d commands are there, acknowledged were %d" % (
                matches[-1], len(self.sent), certain))
        lost = len(self.sent) - matches[-1]
        self.base, self.base_large = found, large
        self.forget()
        # What has come back was read from the disk.
        self.acknowledged.append((0 if self.policy == "always" else time.time(), 0))
        return lost

    def check_bounds(self, client, ended):
        """With a peer, which may have more than the node had: all that is certain and nothing that was not sent."""
        found, large = self.look(client)
        least, most = collections.Counter(self.base), collections.Counter(self.base)
        certain = self.certain(ended)
        for index, (op, _) in enumerate(self.sent):
            if not isinstance(op, int):
                most[op] += 1
                if index < certain:
                    least[op] += 1
        for key in self.keys:
            if not least[key] <= found[key] <= most[key]:
                raise Wrong("%s is %d, and should be between %d and %d" % (key, found[key], least[key], most[key]))
        self.base, self.base_large = found, large
        self.forget()


class Run:
    def __init__(self, seed, way):
        self.seed = seed
        parts = way.split("+")
        self.policy, self.has_peer, self.lies = parts[0], "peer" in parts, "lies" in parts
        self.random = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="a2-crash-")
        self.keep = os.path.join(self.folder, "keep")
        os.mkdir(self.keep)
        self.report = os.path.join(self.folder, "report")
        self.stamps = Stamps()
        self.connections = [Connection(number, seed, self.policy) for number in range(CONNECTIONS)]
        self.counts = collections.Counter()
        self.peer_port, self.own_peer_port = free_port(), free_port()
        self.peer = None
        self.peer_acknowledged = 0
        self.ended = 0.0

    def start(self, life):
        environment = {}
        if life < LIVES - 1:
            # A sync a write under "always", else one a second, with up to two hundred writes between them.
            most = [200, 300] if self.policy == "always" else [300, 700]
            operations = self.random.choice([3, 40, 100] + most) + self.random.randrange(100)
            environment = {
                "LD_PRELOAD": library, "LOSSY_DISK_SEED": str(self.seed * 17 + life),
                "LOSSY_DISK_OPERATIONS": str(operations), "LOSSY_DISK_KEEP": self.keep,
                "LOSSY_DISK_REPORT": self.report,
                "LOSSY_DISK_CLOCK": str(self.random.choice([0, 0, -30000, -2000, 2000]))}
            if self.lies:
                environment["LOSSY_DISK_LIES"] = "1"
        arguments = [
            "--data-dir", os.path.join(self.folder, "data"), "--peer-port", str(self.own_peer_port), "--fsync",
            self.policy, "--threads", "2", "--log-segment-bytes", "1mb", "--snapshot-after-bytes", "1mb"]
        if self.has_peer:
            arguments += ["--peer", "127.0.0.1:%d" % self.peer_port]
        return Node(self.folder, 1, arguments, environment)

    def write_until_end(self, node):
        """Until the node ends, or long enough."""
        begin, failures = time.time(), []

        def work(connection):
            try:
                client = redis.Redis(port=node.port, socket_timeout=20)
                while node.process.poll() is None and time.time() - begin < LIFE_MAX:
                    connection.write(client, self.stamps)
            except redis.RedisError:
                pass
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=[connection]) for connection in self.connections]
        if self.peer:
            threads.append(threading.Thread(target=self.write_at_peer, args=[node, begin, failures]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.ended = time.time()
        if failures:
            raise failures[0]

    def write_at_peer(self, node, begin, failures):
        try:
            client = self.peer.connect()
            while node.process.poll() is None and time.time() - begin < LIFE_MAX:
                try:
                    client.incr("peer")
                    self.peer_acknowledged += 1
                except redis.BusyLoadingError:
                    time.sleep(0.01)  # It has just begun, and asks the node for its own past.
        except (redis.RedisError, Wrong) as error:
            failures.append(Wrong("the peer: %s" % error))

    def versions(self, client):
        found = {}
        reply = client.execute_command("A2.VERSIONS")
        for partition, entries in zip(reply[::2], reply[1::2]):
            for text in entries[1::2]:
                replica, value = stamp(text)
                found[(partition, replica)] = value
        return found

    def number(self, client, name):
        return int(client.info("a2")["a2_" + name])

    def check_with_peer(self, client):
        """Until both show the same and have the same versions; then that nothing is missing."""
        peer = self.peer.connect()
        if peer is None:
            raise Wrong("the peer has ended:\n" + self.peer.text())
        deadline = time.time() + 40
        while True:
            pair = [(c.execute_command("A2.DIGEST"), self.versions(c)) for c in (client, peer)]
            if pair[0] == pair[1]:
                break
            if time.time() > deadline:
                raise Wrong("the two do not become equal: %s %s\n%s" % (pair[0][0], pair[1][0], self.peer.text()))
            time.sleep(0.02)
        for place, value in self.stamps.former.items():
            # A frame that was lost with its node is in nobody's versions; one that the peer has is in both.
            if place in self.at_peer and pair[0][1].get(place, (0, 0)) < self.at_peer[place]:
                raise Wrong("version %r of %r is below the peer's %r" % (pair[0][1].get(place), place, value))
        for name, c in (("node", client), ("peer", peer)):
            for field in ("forks", "keys_diverged"):
                if self.number(c, field):
                    raise Wrong("the %s has %s: %d\n%s" % (name, field, self.number(c, field), self.peer.text()))
        if int(client.get("peer") or 0) != self.peer_acknowledged:
            raise Wrong("the peer's counter is %s, not %d" % (client.get("peer"), self.peer_acknowledged))
        for connection in self.connections:
            connection.check_bounds(client, self.ended)

    def wait_until_writable(self, client):
        for _ in range(3000):
            try:
                client.set("writable", "yes")
                return
            except redis.BusyLoadingError:
                time.sleep(0.01)
        raise Wrong("takes no writes")

    def live(self, life):
        node = self.start(life)
        hasWritten = False
        try:
            client = node.connect()
            if client is not None:
                isCheck = True
                try:
                    if self.has_peer:
                        self.wait_until_writable(client)
                        self.check_with_peer(client)
                    else:
                        for connection in self.connections:
                            self.counts["commands lost"] += connection.check(client, self.ended)
                    isCheck = False
                    if life < LIVES - 1:
                        hasWritten = True
                        self.write_until_end(node)
                except redis.RedisError as error:
                    # It crashed while it was looked at.
                    for _ in range(500):
                        if node.process.poll() is not None:
                            break
                        time.sleep(0.01)
                    else:
                        raise Wrong("life %d: %s\n%s" % (life, error, node.text()))
                except Wrong as wrong:
                    if node.process.poll() is None or not isCheck or not self.has_peer:
                        raise
            code = node.process.poll()
        finally:
            node.end()
        if life == LIVES - 1:
            return
        if not os.path.exists(self.report):
            if code is not None:
                raise Wrong("life %d ended by itself with %d:\n%s" % (life, code, node.text()))
            self.counts["not reached"] += 1
        else:
            when, _, restored, _, undone = open(self.report).read().split()
            restored, undone = int(restored), int(undone)
            if hasWritten:
                self.ended = float(when)  # Whoever wrote has noticed later.
            os.remove(self.report)
            self.counts["crashes under load" if hasWritten else "crashes at start"] += 1
            self.counts["that lost something"] += restored > 0 or undone > 0
            self.counts["writes taken back"] += restored
            self.counts["names undone"] += undone
        self.at_peer = self.versions(self.peer.connect()) if self.peer else {}
        self.stamps.crashed(self.at_peer.items())

    def run(self):
        try:
            if self.has_peer:
                self.peer = Node(self.folder, 2, [
                    "--ephemeral", "--peer-port", str(self.peer_port), "--threads", "1", "--peer",
                    "127.0.0.1:%d" % self.own_peer_port])
            self.at_peer = {}
            for life in range(LIVES):
                try:
                    self.live(life)
                except Wrong as wrong:
                    return "life %d: %s\n%s" % (life, wrong, Node.text(self))
            shutil.rmtree(self.folder, ignore_errors=True)
            return None
        finally:
            if self.peer:
                self.peer.end()

    @property
    def log(self):
        return os.path.join(self.folder, "log-1")


def run_way(way, seeds, results):
    counts = collections.Counter()
    for seed in seeds:
        run = Run(seed, way)
        try:
            problem = run.run()
        except Exception as error:
            problem = repr(error)
        counts.update(run.counts)
        if problem:
            results[way] = "seed %d, %s: %s" % (seed, way, problem)
            break
        if progress:
            with open(os.path.join(progress, way), "w") as file:
                file.write("%d seeds: %s\n" % (seed - seeds[0] + 1, dict(counts)))
    print("%s: %s" % (way, ", ".join("%d %s" % (n, what) for what, n in sorted(counts.items()))), flush=True)


binary, library = sys.argv[1], sys.argv[2]
progress = os.environ.get("CRASH_PROGRESS")
results = {}
threads = [
    threading.Thread(target=run_way, args=[way, range(int(sys.argv[3]), int(sys.argv[4])), results])
    for way in sys.argv[5:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for problem in results.values():
    print(problem)
print("all well" if not results else "%d went wrong" % len(results))
sys.exit(1 if results else 0)
