"""Batches that are accepted at once and carried out later: kept here by those who take them, carry them out, or ask."""

from projections.batches.carrying import end_cancelled, open_batches, record_block, start_batch
from projections.batches.rows import Batch, BatchCursor, Told, read_batch, read_batches
from projections.batches.storing import BLOCK_SIZE, Block, NewBatch, delete_items, read_block, store_batch
from projections.batches.telling import read_rejects, read_results, request_cancel

__all__ = [
    "BLOCK_SIZE",
    "Batch",
    "BatchCursor",
    "Block",
    "NewBatch",
    "Told",
    "delete_items",
    "end_cancelled",
    "open_batches",
    "read_batch",
    "read_batches",
    "read_block",
    "read_rejects",
    "read_results",
    "record_block",
    "request_cancel",
    "start_batch",
    "store_batch",
]
