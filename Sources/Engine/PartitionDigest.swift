struct DigestCache {}
