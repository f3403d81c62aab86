"""How many files and connections this process may have open."""

import resource


def raise_descriptor_limit() -> int:
    """Raise the soft limit as far as the hard one allows, and return it; each connection of a client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


_ENOUGH = 65_536
"""More than one process can serve."""
