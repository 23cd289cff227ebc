# Whether messages must be signed. On a bus that others can reach, set validate_signatures to True
# and install what checks them: pip install 'statscache[crypto]'.
config = {
    "sign_messages": False,
    "validate_signatures": False,
    "ssldir": "/etc/pki/fedmsg",
    # Who vouches for the certificates of the publishers, and what it has revoked (a file, or None).
    "ca_cert_location": "/etc/pki/fedmsg/ca.crt",
    "crl_location": None,
}
