"""What redis-py does with a server, in one protocol version: clients.py PORT 2|3. Ends with "all well"."""
import sys
import threading

import redis

port, protocol = int(sys.argv[1]), int(sys.argv[2])


def connect(**options):
    # redis-py learned RESP3 in version 5; before it, only the default exists.
    if protocol == 3 and int(redis.__version__.split(".")[0]) >= 5:
        options["protocol"] = 3
    return redis.Redis(host="127.0.0.1", port=port, socket_timeout=20, **options)


def expect(actual, wanted):
    if actual != wanted:
        raise SystemExit("expected %r, got %r" % (wanted, actual))


client = connect()
expect(client.ping(), True)
client.flushall()

# Strings, numbers, deadlines.
expect(client.set("k", b"\x00\xff\r\n"), True)
expect(client.get("k"), b"\x00\xff\r\n")
expect(client.set("k", "v", nx=True), None)
expect(client.set("k", "w", xx=True, get=True), b"\x00\xff\r\n")
expect(client.get("missing"), None)
expect(client.incr("n", 5), 5)
expect(client.incrbyfloat("f", 0.5), 0.5)
expect(client.mset({"a": 1, "b": 2}), True)
expect(client.mget("a", "missing", "b"), [b"1", None, b"2"])
expect(client.expire("k", 1000), True)
expect(990 < client.ttl("k") <= 1000, True)
expect(client.persist("k"), True)
expect(client.ttl("k"), -1)
expect(client.setex("e", 1000, "v"), True)
expect(client.getdel("e"), b"v")
expect(client.type("k"), b"string")
expect(sorted(client.scan_iter(count=2)), [b"a", b"b", b"f", b"k", b"n"])
expect(sorted(client.keys("?")), [b"a", b"b", b"f", b"k", b"n"])
expect(client.bitfield("bits").set("u8", 0, 200).incrby("u8", 0, 100).execute(), [0, 44])
expect(client.setbit("bits2", 7, 1), 0)
expect(client.bitcount("bits2"), 1)
expect(client.copy("a", "c"), True)
expect(client.delete("a", "b", "missing"), 2)
payload = client.dump("n")
expect(client.restore("n2", 0, payload) in (b"OK", True), True)
expect(client.get("n2"), b"5")
expect(connect(db=3).dbsize(), 0)
expect(connect(decode_responses=True).get("n"), "5")
expect(isinstance(client.info()["redis_version"], str), True)
expect("get" in {name.lower() for name in client.command()}, True)
expect(client.client_setname("tester"), True)
expect(client.client_getname() in ("tester", b"tester"), True)
expect(any(row["name"] == "tester" for row in client.client_list()), True)
expect(client.config_get("databases"), {"databases": "16"})

# Errors come as exceptions and leave the connection usable.
client.set("text", "abc")
try:
    client.incr("text")
    raise SystemExit("INCR of a text did not fail")
except redis.ResponseError as error:
    expect(str(error), "value is not an integer or out of range")
expect(client.get("text"), b"abc")

# Pipelines, with and without a transaction.
for transaction in (False, True):
    pipe = client.pipeline(transaction=transaction)
    for number in range(1000):
        pipe.set("p%d" % number, number)
        pipe.get("p%d" % number)
    replies = pipe.execute()
    expect(replies[1::2], [str(number).encode() for number in range(1000)])
    pipe = client.pipeline(transaction=transaction)
    pipe.set("x", "1")
    pipe.incr("text")
    pipe.get("x")
    replies = pipe.execute(raise_on_error=False)
    expect((replies[0], isinstance(replies[1], redis.ResponseError), replies[2]), (True, True, b"1"))

# WATCH loops from several threads: no increment is lost.
client.set("counter", 0)
failures = []


def count(worker):
    own = connect()
    try:
        for _ in range(50):
            own.transaction(lambda pipe: _increment(pipe), "counter")
    except Exception as error:  # told to the main thread
        failures.append("%d: %r" % (worker, error))


def _increment(pipe):
    value = int(pipe.get("counter"))
    pipe.multi()
    pipe.set("counter", value + 1)


threads = [threading.Thread(target=count, args=(worker,)) for worker in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
expect(failures, [])
expect(client.get("counter"), b"200")
print("all well")
