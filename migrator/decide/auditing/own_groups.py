"""Access without the groups that runs of this program lend to entries: a marker while a proof is
taken, a bridge while an administrator's entry gets its policy.
"""

from dataclasses import replace

from migrator.decide.proving.expectations import is_ours
from migrator.model.access_document import AccessDocument, PrincipalAccess


def without_own_groups(document: AccessDocument) -> AccessDocument:
    """The document as it is once no run is under way. What is compared with it later must not ask
    for groups that exist for minutes.
    """
    return replace(document, principals=tuple(map(_lasting, document.principals)))


def _lasting(principal: PrincipalAccess) -> PrincipalAccess:
    entry = principal.entry
    if entry is None or not any(map(is_ours, entry.kubernetes_groups)):
        return principal
    identities = tuple(
        replace(each, groups=_without(each.groups)) if each.by == "access-entry" else each
        for each in principal.identities
    )
    lasting = replace(entry, kubernetes_groups=_without(entry.kubernetes_groups))
    return replace(principal, entry=lasting, identities=identities)


def _without(groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(group for group in groups if not is_ours(group))
