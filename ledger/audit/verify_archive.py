"""
Verify an archive of a Khaywe ledger, or a member statement with proofs. Needs nothing but Python 3.8.

    python3 verify_archive.py [--key BASE64]... [--checkpoint FILE]... [FOLDER]
    python3 verify_archive.py [--key BASE64]... --statement FILE

Prints PASS, or FAIL with the first position at fault. Exit code 0: PASS; 1: FAIL; 2: it could not be read.

FOLDER is where this file lies unless told otherwise. --key is a public key of the ledger, got from somewhere else;
without one, the keys in the archive itself are used, which proves that it agrees with itself and not who made it.
--checkpoint is a checkpoint that was kept elsewhere: the archive must agree with it as far as it goes.

What is verified: every event's link, sha256(link before || row); positions and versions without gaps; times that never
run backwards; the Merkle root (RFC 6962) over the links of each partition; that the signed checkpoint has this root, or
continues it; the Ed25519 signature (RFC 8032) over the checkpoint, in its DSSE envelope.
"""

from __future__ import annotations

import argparse
import base64
import json
import mmap
import struct
import sys
import zlib
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, Iterator

PAYLOAD_TYPE = "application/vnd.khaywe.checkpoint.v1+json"
FRONT = struct.Struct(">iiiqi16siqi")
END = struct.Struct(">iq")
TREE = struct.Struct(">iq32s")
COLUMNS = (b"partition", b"position", b"stream_id", b"version", b"topic", b"state", b"recorded_at", b"link")
EPOCH = 946684800000000
# A file is not believed before it is verified; these are far above what any of ours has.
MAX_DESCRIPTION = 1 << 20
MAX_PAGE_DESCRIPTION = 1 << 12
MAX_COLUMN_BYTES = 1 << 27
MAX_COLUMN_VALUES = 1 << 20


class Broken(Exception):
    """The first thing that is not as it was recorded."""


def main() -> int:
    """Verify what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--key", action="append", default=[], metavar="BASE64")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="FILE")
    parser.add_argument("--statement", metavar="FILE")
    asked = parser.parse_args()
    try:
        if asked.statement:
            told = verify_statement(load(Path(asked.statement)), asked.key)
        else:
            told = verify_archive(Path(asked.folder), asked.key, asked.checkpoint)
    except Broken as broken:
        sys.stdout.write(f"FAIL\n{broken}\n")
        return 1
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        MemoryError,
        struct.error,
        zlib.error,
    ) as error:
        sys.stdout.write(f"FAIL\nIt cannot be read: {type(error).__name__}: {error}\n")
        return 2
    sys.stdout.write(f"PASS\n{told}\n")
    return 0


def load(file: Path) -> Any:
    """Read a JSON file."""
    return json.loads(file.read_text("utf-8"))


def verify_archive(folder: Path, given_keys: list[Any], anchor_files: list[Any]) -> str:
    """Verify a folder; return what there is to tell."""
    manifest = load(folder / "manifest.json")
    if manifest.get("format") != "khaywe.archive.v2":
        raise Broken("This is no archive of the format khaywe.archive.v2.")
    if not manifest.get("checkpoint"):
        raise Broken("The export did not come to its end; run it again.")
    keys, trust = keys_of(given_keys, manifest.get("keys", []))
    signed = checkpoint_of(manifest["checkpoint"], keys)
    anchors = [checkpoint_of(envelope_in(load(Path(file))), keys) for file in anchor_files]
    if {len(one["trees"]) for one in [signed, *anchors]} != {manifest["partition_count"]}:
        raise Broken("A checkpoint is that of a ledger with another number of partitions.")
    if [span["partition"] for span in manifest["spans"]] != list(range(manifest["partition_count"])):
        raise Broken("The manifest does not have every partition once.")
    lines = [trust]
    for span in manifest["spans"]:
        partition = span["partition"]
        files = [folder / Path(one["file"]).name for one in manifest["segments"] if one["partition"] == partition]
        size, peaks = walk(span, files, [(one["number"], one["trees"][partition]) for one in anchors])
        tree = signed["trees"][partition]
        proof = [bytes.fromhex(node) for node in span.get("consistency", [])]
        if size == tree["size"]:
            compare(partition, size, peaks, signed["number"], tree, 0)
        elif not is_consistent(size, root_of(peaks), tree["size"], bytes.fromhex(tree["root"]), proof):
            raise Broken(at(partition, span["first"], "these events are not the ones that the checkpoint signed"))
        lines.append(f"partition {partition}: events {span['first']} to {span['last']}")
    lines.append(f"checkpoint {signed['number']} of {signed['taken_at']}, root {signed['root']}")
    lines += [compared(one, manifest["spans"]) for one in anchors]
    return "\n".join(lines)


def compared(anchor: dict[Any, Any], spans: list[Any]) -> str:
    """Tell whether the archive could be compared with a checkpoint: not with one that ends before it begins."""
    named = f"checkpoint {anchor['number']} of {anchor['taken_at']}"
    early = [one["partition"] for one in spans if anchor["trees"][one["partition"]]["size"] < one["first"] - 1]
    if not early:
        return f"agrees with {named}"
    where = ", ".join(f"partition {one}" for one in early)
    return f"NOT compared with {named}: the archive begins later ({where})"


def walk(span: dict[Any, Any], files: list[Any], anchors: list[Any]) -> tuple[int, list[bytes]]:
    """Go through a partition; return how many events its tree has, and the tree's peaks."""
    partition, position = span["partition"], span["first"] - 1
    link, stamp, agreed = bytes.fromhex(span["previous"]), bytes(8), 0
    peaks = [bytes.fromhex(peak) for peak in span["start_peaks"]]
    if len(peaks) != bin(position).count("1"):
        raise Broken(f"The manifest contradicts itself about partition {partition}.")
    versions: dict[Any, Any] = {}
    due = sorted((one for one in anchors if one[1]["size"] >= position), key=lambda one: one[1]["size"])
    for row, found in records(files):
        position += 1
        lengths, of, at_, stream, version = front(row)
        if not lengths:
            raise Broken(at(partition, position, "the event cannot be read"))
        if (of, at_) != (partition, position):
            raise Broken(at(partition, position, f"the event says that it is {of}:{at_}"))
        link = sha256(link + row).digest()
        if link != found:
            raise Broken(at(partition, position, "the event or its link was changed: they do not match"))
        if row[-8:] < stamp:
            raise Broken(at(partition, position, "the event was recorded before the one ahead of it"))
        before = versions.get(stream, 0 if span["first"] == 1 else version - 1)
        if version != before + 1:
            raise Broken(at(partition, position, f"the event is version {version} of its stream, after {before}"))
        versions[stream], stamp = version, row[-8:]
        add(peaks, position - 1, sha256(b"\x00" + link).digest())
        while due and due[0][1]["size"] <= position:
            number, tree = due.pop(0)
            if tree["size"] == position:
                compare(partition, position, peaks, number, tree, agreed)
                agreed = position
    if position != span["last"]:
        raise Broken(at(partition, position + 1, "the event is missing"))
    for number, tree in due:
        if tree["size"] > position:
            raise Broken(
                at(
                    partition,
                    position + 1,
                    f"the archive ends here, and checkpoint {number} goes on to position {tree['size']}",
                )
            )
    return position, peaks


def front(row: bytes) -> tuple[bool, int, int, bytes, int]:
    """Return whether a row is one, and its partition, position, stream and version."""
    if len(row) < FRONT.size + 16:
        return False, 0, 0, b"", 0
    a, partition, b, position, c, stream, d, version, topic_length = FRONT.unpack_from(row)
    end = FRONT.size + topic_length
    if topic_length < 1 or end + 16 > len(row):
        return False, 0, 0, b"", 0
    (state_length,) = struct.unpack_from(">i", row, end)
    stamp = end + 4 + state_length
    is_row = (a, b, c, d) == (4, 8, 16, 8) and stamp + 12 == len(row) and row[stamp : stamp + 4] == b"\x00\x00\x00\x08"
    return is_row, partition, position, stream, version


def records(files: list[Any]) -> Iterator[tuple[bytes, bytes]]:
    """Give each event in the bytes that its link is taken over, and the link."""
    for file in files:
        if not file.is_file():
            raise ValueError(f"{file.name} is missing, or no file.")
        with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            described = description_of(file, content)
            if described[3] != sum(group[3] for group in described[4]):
                raise ValueError("a segment tells other tools of another number of events")
            lengths = {one[4]: one.get(2, 0) for one in described[2][1:]}
            for group in described[4]:
                columns = {one[3][3][0]: one[3] for one in group[1]}
                if any(columns[name][5] != group[3] for name in COLUMNS):
                    raise ValueError("a segment tells other tools of another number of events")
                yield from rows_of(*(values(content, columns[name], lengths[name]) for name in COLUMNS))


def description_of(file: Any, content: mmap.mmap) -> dict[Any, Any]:
    """Read what a segment says of itself; it stands at its end, before its length."""
    length = int.from_bytes(content[-8:-4], "little")
    if content[:4] != b"PAR1" or content[-4:] != b"PAR1" or length > min(len(content) - 12, MAX_DESCRIPTION):
        raise ValueError(f"{file.name} is no whole segment.")
    return thrift_struct(content[len(content) - 8 - length : -8], 0)[0]


def rows_of(*columns: list[Any]) -> Iterator[tuple[bytes, bytes]]:
    """Spell events as the chain does."""
    if len({len(column) for column in columns}) != 1:
        raise Broken("A segment has columns of different lengths.")
    for partition, position, stream, version, topic, state, recorded_at, link in zip(*columns):
        head = FRONT.pack(4, partition, 8, position, 16, stream, 8, version, len(topic))
        yield head + topic + struct.pack(">i", len(state)) + state + END.pack(8, recorded_at - EPOCH), link


def values(content: mmap.mmap, column: dict[Any, Any], length: int) -> list[Any]:
    """Read a column of a row group: pages of plain values, each compressed by itself."""
    if column[4] != 2:
        raise ValueError("a segment is not compressed with gzip")
    found: list[Any] = []
    at_, room, wanted = column[9], MAX_COLUMN_BYTES, column[5]
    if not 0 < at_ < len(content) or not 0 <= wanted <= MAX_COLUMN_VALUES:
        raise ValueError("a segment contradicts itself")
    while len(found) < wanted:
        page, size = thrift_struct(content[at_ : at_ + MAX_PAGE_DESCRIPTION], 0)
        at_ += size
        if page[1] != 0 or page[5][2] != 0:
            raise ValueError("a segment has other than plain values")
        if not 0 < page[3] <= len(content) - at_ or not 0 <= page[2] <= room:
            raise ValueError("a segment contradicts itself")
        if not 0 < page[5][1] <= wanted - len(found):
            raise ValueError("a segment contradicts itself")
        found += plain(column[1], unpacked(content[at_ : at_ + page[3]], page[2]), page[5][1], length)
        at_ += page[3]
        room -= page[2]
    return found


def unpacked(body: bytes, size: int) -> bytes:
    """Decompress what must have a size, and no more of it."""
    gzip = zlib.decompressobj(31)
    found = gzip.decompress(body, size + 1)
    if len(found) != size or not gzip.eof:
        raise ValueError("a segment contradicts itself")
    return found


def plain(kind: int, body: bytes, count: int, length: int) -> list[Any]:
    """Read values: 1 and 2 are integers, 6 are bytes after their length, 7 are bytes of one length."""
    if kind in (1, 2):
        return list(struct.unpack(f"<{count}{'iq'[kind - 1]}", body))
    if kind == 7:
        if count * length != len(body):
            raise ValueError("a segment contradicts itself")
        return [body[start : start + length] for start in range(0, count * length, length)]
    found, at_ = [], 0
    for _ in range(count):
        end = at_ + 4 + int.from_bytes(body[at_ : at_ + 4], "little")
        if end > len(body):
            raise ValueError("a segment contradicts itself")
        found.append(body[at_ + 4 : end])
        at_ = end
    return found


# What describes a Parquet file: structs in the compact protocol of Apache Thrift, as numbers of fields and values.


def varint(content: bytes, at_: int) -> tuple[int, int]:
    """Read a number of up to 64 bits, and return where it ends."""
    found = 0
    for shift in range(0, 70, 7):
        byte = content[at_]
        found, at_ = found | (byte & 127) << shift, at_ + 1
        if byte < 128:
            return found, at_
    raise ValueError("a segment is described with a number that is too long")


def thrift_struct(content: bytes, at_: int) -> tuple[dict[Any, Any], int]:
    """Read a struct, and return where it ends."""
    found: dict[Any, Any] = {}
    number = 0
    while content[at_]:
        head, at_ = content[at_], at_ + 1
        if head >> 4:
            number += head >> 4
        else:
            raw, at_ = varint(content, at_)
            number = raw >> 1
        found[number], at_ = thrift_value(content, at_, head & 15)
    return found, at_ + 1


def thrift_value(content: bytes, at_: int, kind: int) -> tuple[Any, int]:
    """Read a value, and return where it ends."""
    if kind in (1, 2):
        return kind == 1, at_
    if kind == 3:
        return content[at_], at_ + 1
    if kind in (4, 5, 6):
        raw, at_ = varint(content, at_)
        return (raw >> 1) ^ -(raw & 1), at_
    if kind == 8:
        size, at_ = varint(content, at_)
        return content[at_ : at_ + size], at_ + size
    if kind == 9:
        head, at_ = content[at_], at_ + 1
        size, inner = head >> 4, head & 15
        if size == 15:
            size, at_ = varint(content, at_)
        if size > len(content) - at_ or inner in (1, 2):
            raise ValueError("a segment is described in a way that is not known here")
        found = []
        for _ in range(size):
            value, at_ = thrift_value(content, at_, inner)
            found.append(value)
        return found, at_
    if kind == 12:
        return thrift_struct(content, at_)
    raise ValueError("a segment is described in a way that is not known here")


def verify_statement(statement: dict[Any, Any], given_keys: list[Any]) -> str:
    """Verify that every entry of a statement is in the signed checkpoint; return what there is to tell."""
    keys, trust = keys_of(given_keys, statement.get("keys", []))
    signed = checkpoint_of(statement["checkpoint"], keys)
    tree = signed["trees"][statement["partition"]]
    stream = bytes.fromhex(statement["account_id"].replace("-", ""))
    later = None
    for entry in statement["entries"]:
        where = f"{statement['partition']}:{entry['position']}"
        row = bytes.fromhex(entry["row"])
        is_row, partition, position, of, version = front(row)
        if not is_row or (partition, position, version) != (
            statement["partition"],
            entry["position"],
            entry["version"],
        ):
            raise Broken(f"Position {where}: the event is another one than the statement says.")
        if of != stream:
            raise Broken(f"Position {where}: the event is about another account.")
        if later is not None and version != later - 1:
            raise Broken(f"Position {where}: an event is missing between version {version} and {later}.")
        later = version
        link = sha256(bytes.fromhex(entry["previous"]) + row).digest()
        proof = [bytes.fromhex(node) for node in entry["proof"]]
        leaf = sha256(b"\x00" + link).digest()
        if not is_included(leaf, position - 1, tree["size"], proof, bytes.fromhex(tree["root"])):
            raise Broken(f"Position {where}: the event is not in the checkpoint.")
    count = len(statement["entries"])
    return f"{trust}\n{count} entries in checkpoint {signed['number']} of {signed['taken_at']}"


def at(partition: int, position: int, reason: str) -> str:
    """Name a place and what is wrong with it."""
    return f"Partition {partition}, position {position}: {reason}"


def compare(partition: int, size: int, peaks: list[Any], number: int, tree: dict[Any, Any], agreed: int) -> None:
    """Compare what was computed with what was signed."""
    if root_of(peaks).hex() == tree["root"]:
        return
    start = 0
    for ours, theirs, bit in zip(peaks, tree["peaks"], [b for b in range(63, -1, -1) if size >> b & 1]):
        if ours.hex() != theirs:
            first = max(start, agreed) + 1
            where = f"an event between here and position {start + (1 << bit)}"
            raise Broken(
                at(
                    partition,
                    first,
                    f"{where} is not the one that checkpoint {number} signed: the ledger was rewritten",
                )
            )
        start += 1 << bit
    raise Broken(at(partition, 1, f"this is not what checkpoint {number} signed"))


# Trees: RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4.


def parent(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def add(peaks: list[Any], size: int, node: bytes) -> None:
    """Append a leaf to the full subtrees of a tree of ``size``."""
    while size & 1:
        node = parent(peaks.pop(), node)
        size >>= 1
    peaks.append(node)


def root_of(peaks: list[Any]) -> bytes:
    """Return the root of full subtrees, largest first."""
    if not peaks:
        return sha256(b"").digest()
    found: bytes = peaks[-1]
    for peak in reversed(peaks[:-1]):
        found = parent(peak, found)
    return found


def is_included(node: bytes, index: int, size: int, proof: list[Any], root: bytes) -> bool:
    """Tell whether a leaf is in a tree."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    for other in proof:
        if not last:
            return False
        if place & 1 or place == last:
            node = parent(other, node)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = parent(node, other)
        place, last = place >> 1, last >> 1
    return not last and node == root


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: list[Any]) -> bool:
    """Tell whether a tree begins with all of an earlier one."""
    if first == second:
        return not proof and first_root == second_root
    if not 0 < first < second:
        return first == 0 and not proof and first_root == sha256(b"").digest()
    path = proof if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    earlier = later = path[0]
    for node in path[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            earlier, later = parent(node, earlier), parent(node, later)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            later = parent(later, node)
        place, last = place >> 1, last >> 1
    return not last and earlier == first_root and later == second_root


# Signatures: DSSE over Ed25519.


def keys_of(given: list[Any], own: list[Any]) -> tuple[list[bytes], str]:
    """Return the keys to trust, and what they are worth."""
    keys = [base64.b64decode(one) for one in given or [one["public_base64"] for one in own]]
    names = ", ".join(sha256(one).hexdigest()[:16] for one in keys)
    if given:
        return keys, f"signed by a key that was given: {names}"
    return keys, f"signed by a key that came with it: {names} - compare it with the one you were given elsewhere"


def envelope_in(read: dict[Any, Any]) -> Any:
    """Return the envelope of a checkpoint, alone or as the API answers it."""
    return read.get("envelope", read)


def checkpoint_of(envelope: dict[Any, Any], keys: list[Any]) -> Any:
    """Return a checkpoint after verifying its signature, and that it agrees with itself."""
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    if kind.decode() != PAYLOAD_TYPE:
        raise Broken(f"This is a signed {kind.decode()}, not a checkpoint.")
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    signatures = [base64.b64decode(one["sig"]) for one in envelope["signatures"]]
    if not any(is_signed(key, message, one) for key in keys for one in signatures):
        raise Broken("None of the keys signed the checkpoint.")
    found = json.loads(payload.decode("utf-8"))
    peaks: list[Any] = []
    for number, tree in enumerate(found["trees"]):
        own = [bytes.fromhex(peak) for peak in tree["peaks"]]
        if (
            tree["partition"] != number
            or root_of(own).hex() != tree["root"]
            or len(own) != bin(tree["size"]).count("1")
        ):
            raise Broken("The checkpoint contradicts itself.")
        packed = TREE.pack(number, tree["size"], bytes.fromhex(tree["root"]))
        add(peaks, number, sha256(b"\x00" + packed).digest())
    if root_of(peaks).hex() != found["root"]:
        raise Broken("The checkpoint contradicts itself.")
    return found


# Ed25519: RFC 8032, section 5.1; points are (x, y, z, t) with x = X/Z, y = Y/Z, x * y = T/Z.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point_add(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Add two points."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_times(factor: int, point: tuple[int, ...]) -> tuple[int, ...]:
    """Multiply a point."""
    total: tuple[int, ...] = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            total = point_add(total, point)
        point = point_add(point, point)
        factor >>= 1
    return total


def recover_x(y: int, sign: int) -> int | None:
    """Return the x of a point, or nothing if there is none."""
    if y >= P:
        return None
    squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x: int = pow(squared, (P + 3) // 8, P)
    if (x * x - squared) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - squared) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def point_of(spelled: bytes) -> tuple[int, ...] | None:
    """Read a point."""
    y = int.from_bytes(spelled, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a key signed a message."""
    if len(key) != 32 or len(signature) != 64:
        return False
    public, nonce = point_of(key), point_of(signature[:32])
    factor = int.from_bytes(signature[32:], "little")
    if public is None or nonce is None or factor >= ORDER:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = point_times(factor, BASE), point_add(nonce, point_times(challenge, public))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


if __name__ == "__main__":
    sys.exit(main())
