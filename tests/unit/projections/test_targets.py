"""Where webhooks may go."""

import pytest

from projections.webhooks.targets import TargetRefused, checked, is_public, target_of


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_the_public_internet(address: str) -> None:
    """Ordinary addresses, of both kinds and in both spellings."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.53",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd12::1",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ],
)
def test_everything_behind_a_door(address: str) -> None:
    """Also where IPv6 wraps it."""
    assert not is_public(address)


def test_one_private_address_is_enough_to_refuse() -> None:
    """A name that has a public and a private address is not called at all."""
    with pytest.raises(TargetRefused):
        checked(["93.184.216.34", "10.0.0.1"], may_call_private=False)
    assert checked(["93.184.216.34"], may_call_private=False) == "93.184.216.34"
    assert checked(["10.0.0.1"], may_call_private=True) == "10.0.0.1"


def test_what_was_checked_is_what_is_called() -> None:
    """The address stands where the host stood; the host goes into its header."""
    target = target_of("https://hooks.example:8443/a/b?c=d", may_call_private=False)
    assert target.at("93.184.216.34") == "https://93.184.216.34:8443/a/b?c=d"
    assert target.at("2606::1") == "https://[2606::1]:8443/a/b?c=d"
    assert target.authority == "hooks.example:8443"
    assert target_of("https://[2606::1]", may_call_private=False).authority == "[2606::1]"
