"""The products that a manifest names under `uses`, and the ports that they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from devctl.core.spec import Port
from devctl.manifest import expand
from devctl.manifest.model import Service
from devctl.manifest.problems import Problems

if TYPE_CHECKING:
    from devctl.products.base import Product


class ProductLookup:
    """Finds products, each once; a name that no product has is a mistake. Without `find` and `names` devctl's own."""

    def __init__(
        self,
        find: Callable[[str], Product | None] | None,
        names: Callable[[], Iterable[str]] | None,
        problems: Problems,
        *,
        isolated: bool,
    ) -> None:
        self._find = find
        self._names = names
        self._problems = problems
        self._isolated = isolated
        self._products: dict[str, Product | None] = {}

    def of(self, service: Service) -> Product | None:
        """Return the product of a service, None where it uses none or one that does not exist."""
        if not service.uses:
            return None
        if service.uses not in self._products:
            self._products[service.uses] = self._load(service.uses)
        return self._products[service.uses]

    def is_known(self, service: Service) -> bool:
        """Tell false for a service whose product does not exist: its ports are not known either."""
        return not service.uses or self.of(service) is not None

    def ports(self, name: str, service: Service) -> dict[str, Port]:
        """Return the ports of a service by name; a product that does not exist and ports that it does not have are
        noted as mistakes."""
        product = self.of(service)
        if service.uses and product is None:
            what = f"services.{name}.uses: no recipe"
            self._problems.unknown(service.at("uses"), what, service.written("uses"), self._all_names())
        if product is not None:
            self._check_ports(name, service, product)
        return expand.ports_of(service, product, isolated=self._isolated)

    def _check_ports(self, name: str, service: Service, product: Product) -> None:
        names = sorted(port.name for port in product.ports)
        for port in service.ports:
            if port not in names:
                what = f"services.{name}.ports: {product.name} has no port"
                self._problems.unknown(service.ports.locations[port], what, port, names)

    def _load(self, name: str) -> Product | None:
        if self._find:
            return self._find(name)
        from devctl import products

        return products.find(name)

    def _all_names(self) -> list[str]:
        if self._names:
            return sorted(self._names())
        from devctl import products

        return sorted(products.names())
