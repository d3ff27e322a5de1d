"""Which accounts answer, and which clusters are in them."""

from migrator.app.operator import Operator
from migrator.fleet.app.connect import discover_fleet, open_fleet
from migrator.fleet.app.opened_fleet import fleet_store
from migrator.fleet.app.request import FleetRequest
from migrator.fleet.model.fleet import Inventory


def discover(request: FleetRequest, operator: Operator) -> Inventory:
    """Ask every account; the inventory of a whole fleet is written into its state. Raises what
    :func:`migrator.fleet.run.discover.discover` raises, ``locked``.
    """
    from migrator.fleet.model.files.records import INVENTORY_FILE, encode_inventory
    from migrator.fleet.run.discover import kept_inventory

    fleet, found = discover_fleet(open_fleet(operator.settings, request.file), request, operator)
    if not request.asked.clusters:
        store = fleet_store(fleet)
        with store.lock("fleet discover"):
            kept = kept_inventory(found.inventory, store.read(INVENTORY_FILE), request.file)
            store.write(INVENTORY_FILE, encode_inventory(kept))
    return found.inventory
