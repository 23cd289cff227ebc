"""Where plugins are tried and held to the contract, on a scratch place of their own."""
