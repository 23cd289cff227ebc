# Whether messages must be signed. On a bus that others can reach, set validate_signatures to True
# and install what checks them: pip install 'statscache[crypto]'.
config = {
    "sign_messages": False,
    "validate_signatures": False,
    "ssldir": "/etc/pki/fedmsg",
}
