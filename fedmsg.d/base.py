# The fedmsg environment of this directory. `fedmsg-hub` reads every file of fedmsg.d/.
config = {
    "topic_prefix": "org.fedoraproject",
    "environment": "dev",
    "zmq_enabled": True,
    # fedmsg-hub only listens; without a name here it complains that it cannot publish.
    "zmq_publish_endpoints": "tcp://127.0.0.1:*",
    # Messages that ZeroMQ holds for the hub. Beyond that, publishers are made to wait.
    "high_water_mark": 10_000,
    # SECONDS that a publisher waits on closing, and how a lost connection is noticed.
    "zmq_linger": 2000,
    "zmq_tcp_keepalive": 1,
    "zmq_tcp_keepalive_cnt": 3,
    "zmq_tcp_keepalive_idle": 60,
    "zmq_tcp_keepalive_intvl": 5,
}
