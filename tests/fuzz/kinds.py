"""All kinds of cases."""

from tests.fuzz import image_bytes, kept_states, list_files, stored_tables, sweep_files, weight_files

KINDS = {
    "sweeps": sweep_files.kind,
    "lists": list_files.kind,
    "images": image_bytes.kind,
    "weights": weight_files.kind,
    "tables": stored_tables.kind,
    "states": kept_states.kind,
}
"""{name: what makes the kind, given an empty folder}."""
