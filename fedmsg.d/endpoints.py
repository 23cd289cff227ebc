# The addresses that the hub subscribes to. To listen to Fedora's own bus, where it can be reached:
#     "fedora-infrastructure": ["tcp://hub.fedoraproject.org:9940"]
config = {
    "endpoints": {
        "local": ["tcp://127.0.0.1:3999"],
    },
}
