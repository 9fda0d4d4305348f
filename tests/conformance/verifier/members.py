"""Networks, authorities, keys, facilities, policies, notices (apply.md 5, Members)."""

from .by import CHANGES_MAX, need
from .codes import KEY, REFUSE
from .state import Record, has_ended


def _id_is_free(by, network):
    taken = network in by.state.networks or network in by.state.authorities
    need(not taken, REFUSE.ALREADY_EXISTS)


def _network_admit(by, body):
    by.governance()
    _id_is_free(by, body.network)
    need(len(by.state.networks) < 64, REFUSE.TOO_MANY)
    by.new_key(body.governance_key)

    def effect():
        by.state.networks.add(body.network)
        by.state.put_key(body.network, KEY.GOVERNANCE, body.governance_key)

    return by.majority(effect)


def _authority_admit(by, body):
    by.governance()
    _id_is_free(by, body.authority)
    need(len(by.state.authorities) < 128, REFUSE.TOO_MANY)
    by.new_key(body.key)

    def effect():
        by.state.authorities[body.authority] = Record(prefectures=set(body.prefectures), ended=False)
        by.state.put_key(body.authority, KEY.AUTHORITY, body.key)

    return by.majority(effect)


def _authority_end(by, body):
    by.governance()
    authority = by.state.authorities.get(body.authority)
    need(authority is not None, REFUSE.NOT_FOUND)
    need(not authority.ended, REFUSE.ENDED)

    def effect():
        authority.ended = True

    return by.majority(effect)


def _key_add(by, body):
    need(by.rules_over(body.purpose), REFUSE.NOT_AUTHORISED)
    transport = body.purpose == KEY.TRANSPORT
    need((body.endpoint is not None) == transport, REFUSE.INVALID_CONTENT)
    by.new_key(body.public_key)
    own = [key for key in by.state.keys.values() if key.network == by.network]
    need(len(own) < 64, REFUSE.TOO_MANY)
    return lambda: by.state.put_key(by.network, body.purpose, body.public_key)


def _key_revoke(by, body):
    may = by.purpose in (KEY.GOVERNANCE, KEY.AUTHORITY) and body.key != by.author
    need(may, REFUSE.NOT_AUTHORISED)
    key = by.state.keys.get(body.key)
    need(key is not None, REFUSE.NOT_FOUND)
    need(key.network == by.network and by.rules_over(key.purpose), REFUSE.NOT_AUTHORISED)
    need(not key.revoked, REFUSE.ENDED)

    def effect():
        key.revoked = True

    return effect


def _facility_register(by, body):
    by.governance()
    fits = body.municipality is None or body.municipality[:2] == body.facility[:2]
    need(fits, REFUSE.INVALID_CONTENT)
    before = by.state.facilities.get(body.facility)
    need(before is None or before.left, REFUSE.ALREADY_EXISTS)
    changes = 0 if before is None else before.changes
    need(changes < CHANGES_MAX, REFUSE.TOO_MANY)

    def effect():
        by.state.facilities[body.facility] = Record(
            network=by.network,
            kind=body.kind,
            municipality=body.municipality,
            registered=by.i,
            left=False,
            changes=changes + 1,
        )

    return effect


def _facility_leave(by, body):
    by.governance()
    facility = by.state.facilities.get(body.facility)
    need(facility is not None, REFUSE.NOT_FOUND)
    need(facility.network == by.network, REFUSE.NOT_AUTHORISED)
    need(not facility.left, REFUSE.ENDED)

    def effect():
        facility.left = True
        facility.changes += 1

    return effect


def _policy_publish(by, body):
    by.governance()
    policies = by.state.policies.get(by.network, [])
    need(len(policies) < 256, REFUSE.TOO_MANY)
    last = policies[-1].version if policies else 0
    need(body.version == last + 1, REFUSE.WRONG_VERSION)
    policy = Record(
        version=body.version,
        policy=body,
        voids_earlier=body.voids_earlier,
        effective_from=max(body.valid_from_ms, by.t),
    )
    return lambda: by.state.policies.setdefault(by.network, []).append(policy)


def _notice_post(by, body):
    by.governance()
    need(not has_ended(body.period, by.t), REFUSE.INVALID_CONTENT)
    about, what = body.about
    place = what if about == "joining_facility" else what.facility
    if place is not None:
        by.present(place, by.network)
    need(len(by.state.notices_of(by.network, about)) < 1024, REFUSE.TOO_MANY)
    notice = Record(
        network=by.network,
        about=about,
        place=place,
        purposes=None if about == "joining_facility" else frozenset(what.purposes),
        period=body.period,
        stands_from=max(body.period.from_ms, by.t),
        removed=None,
    )

    def effect():
        by.state.notices[by.i] = notice

    return effect


def _notice_remove(by, body):
    by.governance()
    notice = by.state.notices.get(body.notice)
    need(notice is not None, REFUSE.NOT_FOUND)
    need(notice.network == by.network, REFUSE.NOT_AUTHORISED)
    need(notice.removed is None, REFUSE.ENDED)

    def effect():
        notice.removed = by.i

    return effect


RULES = {
    "network_admit": _network_admit,
    "key_add": _key_add,
    "key_revoke": _key_revoke,
    "facility_register": _facility_register,
    "facility_leave": _facility_leave,
    "consent_policy_publish": _policy_publish,
    "authority_admit": _authority_admit,
    "authority_end": _authority_end,
    "notice_post": _notice_post,
    "notice_remove": _notice_remove,
}
