"""Crashes of a node on a disk that loses what was not synced: crashes.py A2 SHIM FROM UNTIL [lies].

For every seed and every fsync policy a node is started three times over one data directory, the first two times under
the shim (lossy_disk.c), which ends it somewhere and loses writes. Clients count what was acknowledged: under 'always'
all of it must be there, else what was acknowledged more than two seconds before the end; and never more than was asked
for. Ends with "N crashes, all well", or says what was lost and exits with 1. Uses a port of the system's choice."""
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import redis


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, folder, policy, shim):
        self.log = os.path.join(folder, "log")
        self.port = free_port()
        arguments = [
            "serve", "--data-dir", os.path.join(folder, "data"), "--port", str(self.port), "--peer-port", "0",
            "--fsync", policy, "--threads", "1", "--log-segment-bytes", "1mb", "--snapshot-after-bytes", "1mb"]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [binary] + arguments, env=dict(os.environ, **shim), stdout=log, stderr=log)
        self.client = self.connect()

    def connect(self):
        for _ in range(2000):
            if self.process.poll() is not None:
                return None
            try:
                client = redis.Redis(port=self.port, socket_timeout=10)
                client.ping()
                return client
            except redis.RedisError:
                time.sleep(0.01)
        raise SystemExit("the node does not answer:\n" + open(self.log).read()[-2000:])


class Run:
    def __init__(self, seed, policy):
        self.random = random.Random(seed)
        self.policy = policy
        self.acked = {}  # key -> [(time, value)]
        self.asked = {}  # key -> value
        self.ended = 0.0

    def check(self, client, life):
        for key, asked in self.asked.items():
            value = int(client.get(key) or 0)
            certain = [v for t, v in self.acked.get(key, []) if self.policy == "always" or t < self.ended - 2.1]
            if value < max(certain, default=0):
                return "life %d: %s is %d, acknowledged were %d" % (life, key, value, max(certain))
            if value > asked:
                return "life %d: %s is %d, asked for were %d" % (life, key, value, asked)
            # What has survived is on the disk now.
            self.acked[key] = [(0.0 if self.policy == "always" else time.time(), value)]
            self.asked[key] = value
        return None

    def write(self, node):
        """Until the node ends, or long enough."""
        start = time.time()
        try:
            while node.process.poll() is None and time.time() - start < 4:
                key = "k%d" % self.random.randrange(8)
                count = self.random.choice([1, 1, 1, 20])
                pipeline = node.client.pipeline(transaction=self.random.random() < 0.3)
                for _ in range(count):
                    pipeline.incr(key)
                if self.random.random() < 0.1:
                    pipeline.set("large", b"x" * self.random.randrange(200_000))
                if self.random.random() < 0.02:
                    pipeline.execute_command("BGSAVE")
                self.asked[key] = self.asked.get(key, 0) + count
                replies = pipeline.execute(raise_on_error=False)
                if all(isinstance(reply, int) for reply in replies[:count]):
                    self.acked.setdefault(key, []).append((time.time(), max(replies[:count])))
        except redis.RedisError:
            pass
        self.ended = time.time()


def run(seed, policy, lies):
    """What was wrong, or None; and how often the node crashed."""
    folder = tempfile.mkdtemp(prefix="a2-crash-")
    state = Run(seed, policy)
    crashes = 0
    for life in range(3):
        shim = {}
        if life < 2:
            operations = state.random.choice([5, 15, 40, 100, 300]) + state.random.randrange(20)
            shim = {"LD_PRELOAD": library, "LOSSY_DISK_SEED": str(seed * 7 + life), "LOSSY_DISK_OPERATIONS": str(operations)}
            if lies:
                shim["LOSSY_DISK_LIES"] = "1"
        node = Node(folder, policy, shim)
        try:
            if node.client is None:
                if node.process.returncode == -9:
                    crashes += 1
                    continue
                return "life %d does not start:\n%s" % (life, open(node.log).read()[-1500:]), crashes
            try:
                problem = state.check(node.client, life)
            except redis.RedisError:
                problem = None  # It crashed meanwhile.
            if problem:
                return problem, crashes
            if life < 2:
                state.write(node)
                crashes += 1
        finally:
            if node.process.poll() is None:
                node.process.kill()
            node.process.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return None, crashes


binary, library = sys.argv[1], sys.argv[2]
lies = len(sys.argv) > 5
total = 0
for seed in range(int(sys.argv[3]), int(sys.argv[4])):
    for policy in ["always"] if lies else ["always", "everysec", "no"]:
        problem, crashes = run(seed, policy, lies)
        total += crashes
        if problem:
            print("seed %d, %s: %s" % (seed, policy, problem))
            sys.exit(1)
print("%d crashes, all well" % total)
