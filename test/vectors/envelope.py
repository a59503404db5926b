"""A second implementation of the envelope, written from README.md beside it alone with Python's standard library: AES-256, GCM and
compaction are all here, so that nothing is shared with what it checks.

  envelope.py write   makes envelope.json anew
  envelope.py open    reads a JSON list of {key, id, kind, redisKey, sealed} and prints the list of their texts
  envelope.py gcm     reads gcm.json's cases and prints ciphertext and tag of each
"""

import base64
import json
import pathlib
import re
import sys


# AES-256 (FIPS 197)

def times(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def substitute(byte):
    inverse = next((i for i in range(256) if times(byte, i) == 1), 0)
    turned = inverse
    for turn in range(1, 5):
        turned ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
    return turned ^ 0x63


SBOX = [substitute(byte) for byte in range(256)]


def round_keys(key):
    words = [list(key[i:i + 4]) for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = times(constant, 2)
        elif i % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]


def encrypt_block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < len(keys) - 1:
            mixed = []
            for i in range(0, 16, 4):
                a, b, c, d = state[i:i + 4]
                mixed += [times(a, 2) ^ times(b, 3) ^ c ^ d, a ^ times(b, 2) ^ times(c, 3) ^ d,
                          a ^ b ^ times(c, 2) ^ times(d, 3), times(a, 3) ^ b ^ c ^ times(d, 2)]
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


# GCM (NIST SP 800-38D) with 96-bit nonces

def multiply(x, y):
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def ghash(hash_key, associated, ciphertext):
    def padded(data):
        return data + bytes(-len(data) % 16)

    lengths = (len(associated) * 8).to_bytes(8, "big") + (len(ciphertext) * 8).to_bytes(8, "big")
    data = padded(associated) + padded(ciphertext) + lengths
    total = 0
    for i in range(0, len(data), 16):
        total = multiply(total ^ int.from_bytes(data[i:i + 16], "big"), hash_key)
    return total.to_bytes(16, "big")


def gcm(key, nonce, associated, data, is_opening=False):
    """The transformed data, and the tag over the ciphertext."""
    keys = round_keys(key)
    stream = b"".join(encrypt_block(keys, nonce + (2 + i).to_bytes(4, "big")) for i in range(-(-len(data) // 16)))
    result = bytes(a ^ b for a, b in zip(data, stream))
    hash_key = int.from_bytes(encrypt_block(keys, bytes(16)), "big")
    mask = encrypt_block(keys, nonce + (1).to_bytes(4, "big"))
    tag = bytes(a ^ b for a, b in zip(ghash(hash_key, associated, data if is_opening else result), mask))
    return result, tag


# The envelope

def associated_data(key_id, kind, redis_key):
    return f"1:{len(key_id)}:{key_id}{len(kind)}:{kind}{redis_key}".encode()


def seal(key, key_id, kind, redis_key, nonce, plaintext):
    ciphertext, tag = gcm(key, nonce, associated_data(key_id, kind, redis_key), plaintext)
    return bytes([0xFA, 1, len(key_id)]) + key_id.encode() + nonce + ciphertext + tag


def open_envelope(key, key_id, kind, redis_key, sealed):
    header = bytes([0xFA, 1, len(key_id)]) + key_id.encode()
    body = sealed[len(header) + 12:-16]
    nonce = sealed[len(header):len(header) + 12]
    plaintext, tag = gcm(key, nonce, associated_data(key_id, kind, redis_key), body, is_opening=True)
    if not sealed.startswith(header) or tag != sealed[-16:]:
        raise ValueError("unreadable record")
    return plaintext


# Compaction

def to_units(text):
    """The text with every UTF-16 unit as a character: that is what positions count."""
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[i] | data[i + 1] << 8) for i in range(0, len(data), 2))


def from_units(units):
    return b"".join(ord(unit).to_bytes(2, "little") for unit in units).decode("utf-16-le", "surrogatepass")


def leb128(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + leb128(number >> 7)


def compact(text):
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return b"\x03" + text.encode("utf-16-le", "surrogatepass")
    text = to_units(text)
    numbers, packed, rest, start, runs = b"", b"", "", 0, 0
    for piece in re.finditer(r'[^".]{24,}', text):
        run = piece[0][:len(piece[0]) // 4 * 4]
        if re.fullmatch(r"[A-Za-z0-9_-]+", run):
            numbers += leb128(piece.start() - start) + leb128(len(run) // 4)
            packed += base64.urlsafe_b64decode(run)
            rest += text[start:piece.start()]
            start = piece.start() + len(run)
            runs += 1
    if runs == 0:
        return b"\x00" + from_units(text).encode()
    rest += text[start:]
    return bytes([1]) + leb128(runs) + numbers + packed + from_units(rest).encode()


def restore(data):
    if data[0] == 0:
        return data[1:].decode()
    if data[0] == 3:
        return data[1:].decode("utf-16-le", "surrogatepass")
    at = 1

    def number():
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return value

    layout = [(number(), number()) for _ in range(number())]
    end = at + 3 * sum(groups for _, groups in layout)
    digits, rest = base64.urlsafe_b64encode(data[at:end]).decode(), data[end:].decode()
    text, rest = "", to_units(rest)
    for before, groups in layout:
        text += rest[:before] + digits[:groups * 4]
        rest, digits = rest[before:], digits[groups * 4:]
    return from_units(text + rest)


# What it is run for

def bytes_from(first, count):
    """Bytes that look like nothing, and are the same each time."""
    return bytes((first + 167 * i + i * i * 13) % 256 for i in range(count))


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def vectors():
    jwt = ".".join([base64url(b'{"alg":"EdDSA","kid":"2025-11"}'),
                    base64url(b'{"iss":"https://auth.example.com","sub":"user_123","exp":1764000000}'),
                    base64url(bytes_from(5, 64))])
    access = json.dumps({"accessToken": jwt, "refreshToken": base64url(bytes_from(9, 48)), "expiresAt": 1764000000000,
                         "resourceUrl": "https://mcp.example.com/mcp"}, separators=(",", ":"))
    client = '{"clientId":"c-1","clientSecret":"s3cret","redirectUri":"https://app.example.com/callback"}'
    cases = [
        ("the shortest token", "k1", "token", "atxp:oauth:user_123", "t"),
        ("a JWT", "k1", "token", "atxp:oauth:user_123", jwt),
        ("an access token", "k1", "access", "atxp:oauth:~access:{base:0xabc}:https://mcp.example.com/mcp", access),
        ("a client registration, key id of 32 characters", "2025-11-24.production_eu-west-1a", "client",
         "atxp:oauth:~client:https://auth.example.com", client),
        ("text beyond ASCII", "k1", "token", "atxp:oauth:\u0436\U0001f511", f'\u0436\U0001f511 "{jwt}"'),
        ("half a surrogate pair", "k1", "token", "atxp:oauth:half", "a\ud83d"),
    ]
    for index, (name, key_id, kind, redis_key, text) in enumerate(cases):
        key, nonce = bytes_from(index, 32), bytes_from(100 + index, 12)
        plaintext = compact(text)
        yield {"name": name, "key": key.hex(), "id": key_id, "kind": kind, "redisKey": redis_key, "text": text,
               "plaintext": plaintext.hex(), "nonce": nonce.hex(),
               "associatedData": associated_data(key_id, kind, redis_key).hex(),
               "sealed": seal(key, key_id, kind, redis_key, nonce, plaintext).hex()}


def main(command):
    if command == "write":
        path = pathlib.Path(__file__).with_name("envelope.json")
        path.write_text(json.dumps(list(vectors()), indent=2) + "\n")
    elif command == "open":
        print(json.dumps([restore(open_envelope(bytes.fromhex(case["key"]), case["id"], case["kind"], case["redisKey"],
                                                bytes.fromhex(case["sealed"]))) for case in json.load(sys.stdin)]))
    elif command == "gcm":
        cases = json.load(sys.stdin)
        results = [gcm(*(bytes.fromhex(case[name]) for name in ("key", "nonce", "associatedData", "plaintext")))
                   for case in cases]
        print(json.dumps([{"ciphertext": ciphertext.hex(), "tag": tag.hex()} for ciphertext, tag in results]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
