"""What cart does: keep lines, merge a guest's cart at login, follow prices, hand over to order.

Everything a handler needs is a parameter.
"""

from collections.abc import Callable
from dataclasses import replace

from services.cart import domain
from services.cart.domain import Cart, Owner
from services.cart.ports import CartStore, CartTx, Catalog, Checkout, Orders, Reply
from services.common.runtime.clock import Clock

EXPIRE_BATCH = 200  # rows that one transaction locks
_IN_FLIGHT = 409  # order's status for a key whose first request is still being answered


class UnknownProduct(Exception):
    """There is no such product."""


class CheckoutDiffers(Exception):
    """The idempotency key was used for a checkout with another way to pay."""


async def show(owner: Owner, *, store: CartStore, clock: Clock) -> Cart:
    """Return the cart of an owner, an empty one if there is none."""
    cart = await store.find(owner)
    if cart is None or cart.expires_at <= clock():
        return domain.empty("", owner, clock())
    return cart


async def set_quantity(
    owner: Owner,
    product_id: str,
    quantity: int,
    *,
    store: CartStore,
    catalog: Catalog,
    clock: Clock,
    new_id: Callable[[], str],
) -> Cart:
    """Put some units of a product into the cart; raises UnknownProduct, CartFull, UpstreamUnavailable."""
    product = await catalog.product(product_id)
    if product is None:
        raise UnknownProduct(product_id)
    async with store.begin() as tx:
        cart = await _cart(tx, owner, clock=clock, new_id=new_id)
        changed = domain.with_quantity(cart, product, quantity, clock())
        await tx.save(changed)
        return changed


async def remove(owner: Owner, product_id: str, *, store: CartStore, clock: Clock, new_id: Callable[[], str]) -> Cart:
    """Take a product out of the cart."""
    async with store.begin() as tx:
        cart = await _cart(tx, owner, clock=clock, new_id=new_id)
        changed = domain.without(cart, product_id, clock())
        if changed != cart:
            await tx.save(changed)
        return changed


async def _cart(tx: CartTx, owner: Owner, *, clock: Clock, new_id: Callable[[], str]) -> Cart:
    return await _usable(tx, await tx.cart(owner), owner, clock=clock, new_id=new_id)


async def _usable(tx: CartTx, cart: Cart | None, owner: Owner, *, clock: Clock, new_id: Callable[[], str]) -> Cart:
    """Return a cart that is still good, else an empty one in its place."""
    if cart is not None and cart.expires_at > clock():
        return cart
    if cart is not None:
        await tx.drop(cart)
    return domain.empty(new_id(), owner, clock())


async def merge(user: Owner, guest: Owner, *, store: CartStore, clock: Clock, new_id: Callable[[], str]) -> None:
    """Move a guest's cart into the user's; a second time there is nothing left to move."""
    async with store.begin() as tx:
        carts = await tx.carts_of(guest, user)
        left = carts.get(guest)
        if left is None:
            return
        if left.expires_at > clock():
            cart = await _usable(tx, carts.get(user), user, clock=clock, new_id=new_id)
            await tx.save(domain.merge(cart, left, clock()))
        await tx.drop(left)


async def refresh_price(tx: CartTx, product_id: str, price: int, currency: str, *, clock: Clock) -> int:
    """Show a new price in every cart that holds the product; returns how many carts."""
    carts = await tx.holding(product_id)
    for cart in carts:
        await tx.save(domain.with_price(cart, product_id, price, currency, clock()))
    return len(carts)


async def check_out(
    user: Owner,
    key: str | None,
    payment_method: str | None,
    authorization: str,
    *,
    store: CartStore,
    orders: Orders,
    clock: Clock,
    new_id: Callable[[], str],
) -> Reply:
    """Hand the cart over to order, once per idempotency key; raises CartEmpty, CheckoutDiffers, UpstreamUnavailable.

    After UpstreamUnavailable, a 409, or a 5xx under a key of our own, there may be an order already: the same checkout
    is repeated next time.
    """
    async with store.begin() as tx:
        checkout = await _checkout(tx, user, key, payment_method, clock=clock, new_id=new_id)
    reply = await orders.place_order(checkout, authorization)
    if reply.status == 201:
        await _finish(user, checkout, store=store, clock=clock)
    elif _is_over(reply.status, checkout):
        async with store.begin() as tx:
            await tx.drop_checkout(user.id, checkout.key)
    return reply


def _is_over(status: int, checkout: Checkout) -> bool:
    """Say whether no order can come of this checkout any more, so that its key may be used for another."""
    if status >= 500:
        return not checkout.is_key_ours  # a 5xx frees the caller's key, as the contract says
    return status != _IN_FLIGHT and checkout.is_key_ours


async def _checkout(
    tx: CartTx, user: Owner, key: str | None, payment_method: str | None, *, clock: Clock, new_id: Callable[[], str]
) -> Checkout:
    """Find the checkout that this request repeats, or begin one from the cart as it is now."""
    earlier = await tx.checkout(user.id, key) if key else None
    if earlier is not None:
        if earlier.payment_method != payment_method:
            raise CheckoutDiffers
        return earlier
    cart = await _cart(tx, user, clock=clock, new_id=new_id)
    items = domain.requested_items(cart)
    # Without a key of the client's, the version of the cart distinguishes a double click from a second order.
    unfinished = await tx.unfinished(cart) if key is None else None
    if unfinished is not None and unfinished.payment_method == payment_method:
        return unfinished
    checkout = Checkout(
        user_id=user.id,
        key=key or new_id(),
        is_key_ours=key is None,
        cart_id=cart.id,
        cart_version=cart.version,
        items=items,
        payment_method=payment_method,
        created_at=clock(),
    )
    await tx.save_checkout(checkout)
    return checkout


async def _finish(user: Owner, checkout: Checkout, *, store: CartStore, clock: Clock) -> None:
    """Take what was ordered out of the cart, once."""
    async with store.begin() as tx:
        stored = await tx.checkout(user.id, checkout.key)
        cart = await tx.cart(user)
        if stored is None or stored.is_done:
            return
        await tx.save_checkout(replace(stored, is_done=True))
        if cart is not None:
            await tx.save(domain.after_order(cart, checkout.items, clock()))


async def expire(*, store: CartStore, clock: Clock) -> int:
    """Delete the carts and checkouts whose time is over; return how many."""
    async with store.begin() as tx:
        return await tx.drop_expired(clock(), EXPIRE_BATCH)
