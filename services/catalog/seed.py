"""The products that a new shop starts with: what it costs is in cents, two of them are scarce."""

from datetime import datetime

from services.catalog.domain import Product

CURRENCY = "EUR"
_PLENTY = 500  # units: tests and the demonstration buy all day without running out

# id, name, category, price, description
_PRODUCTS = (
    ("espresso-machine", "Espresso machine", "kitchen", 24900, "Fifteen bar, a steam wand and a warm place for cups."),
    ("moka-pot", "Moka pot", "kitchen", 2990, "Three cups of strong coffee on any stove."),
    ("pour-over-set", "Pour-over set", "kitchen", 3450, "Glass carafe, dripper and forty paper filters."),
    ("burr-grinder", "Burr grinder", "kitchen", 8900, "Steel burrs, thirty-one settings, quiet motor."),
    ("chef-knife", "Chef's knife", "kitchen", 6490, "Twenty centimetres of forged steel."),
    ("cast-iron-pan", "Cast iron pan", "kitchen", 4590, "Seasoned by hand; outlives its owner."),
    ("dutch-oven", "Dutch oven", "kitchen", 11900, "Enamelled, four litres, for bread and stew."),
    ("bread-tin", "Bread tin", "kitchen", 1890, "Folded steel that lets no crust stick."),
    ("tea-kettle", "Tea kettle", "kitchen", 3990, "Whistles politely."),
    ("measuring-cups", "Measuring cups", "kitchen", 1290, "Six cups of steel, nested."),
    ("linen-apron", "Linen apron", "kitchen", 3290, "Washed linen with a pocket for the towel."),
    ("desk-lamp", "Desk lamp", "office", 5490, "Warm light on a long arm."),
    ("oak-desk", "Oak desk", "office", 39900, "Solid oak, one drawer, room for both elbows."),
    ("desk-chair", "Desk chair", "office", 27900, "Mesh back, adjustable everything."),
    ("notebook-dotted", "Dotted notebook", "office", 1190, "Paper that fountain pens like."),
    ("fountain-pen", "Fountain pen", "office", 4290, "Fine nib, piston filled."),
    ("ink-blue", "Blue ink", "office", 990, "Fifty millilitres of a blue that stays blue."),
    ("paper-tray", "Paper tray", "office", 1690, "Bent wire for two stacks of paper."),
    ("desk-clock", "Desk clock", "office", 2490, "Quiet movement, large hands."),
    ("cable-box", "Cable box", "office", 1990, "Hides the socket strip and its knots."),
    ("mechanical-keyboard", "Mechanical keyboard", "electronics", 9900, "Quiet switches, keys that wear well."),
    ("trackball", "Trackball", "electronics", 6900, "Moves the pointer, not the wrist."),
    ("usb-hub", "USB hub", "electronics", 2990, "Seven ports with a supply of its own."),
    ("headphones", "Headphones", "electronics", 12900, "Closed, light, with a cable that can be replaced."),
    ("pocket-radio", "Pocket radio", "electronics", 3990, "Runs for weeks on two cells."),
    ("power-bank", "Power bank", "electronics", 2790, "Ten thousand milliampere hours in a coat pocket."),
    ("e-reader", "E-reader", "electronics", 13900, "A shelf of books that weighs nothing."),
    ("webcam", "Webcam", "electronics", 5990, "Shows faces as they are, with a shutter."),
    ("camping-stove", "Camping stove", "outdoor", 4990, "Boils a litre in four minutes."),
    ("rain-jacket", "Rain jacket", "outdoor", 8990, "Taped seams, packs into its own pocket."),
    ("hiking-socks", "Hiking socks", "outdoor", 1590, "Merino wool, padded heel."),
    ("head-torch", "Head torch", "outdoor", 3490, "Two hundred lumens and a red light."),
    ("water-bottle", "Water bottle", "outdoor", 1990, "Keeps tea hot until noon."),
    ("sleeping-bag", "Sleeping bag", "outdoor", 15900, "Down, comfortable at freezing."),
    ("pocket-knife", "Pocket knife", "outdoor", 2890, "One blade, one saw, one corkscrew."),
    ("picnic-blanket", "Picnic blanket", "outdoor", 3590, "Wool above, waterproof below."),
    ("bicycle-bell", "Bicycle bell", "outdoor", 1290, "Brass; heard by everybody once."),
    ("wool-blanket", "Wool blanket", "home", 7900, "Woven from what other blankets leave over."),
    ("candle-set", "Candle set", "home", 1790, "Six candles of beeswax."),
    ("picture-frame", "Picture frame", "home", 1490, "Ash wood for a photograph of thirteen by eighteen."),
    ("door-mat", "Door mat", "home", 1990, "Coir; says nothing."),
    ("bath-towel", "Bath towel", "home", 2490, "Thick cotton, eighty by one hundred and fifty."),
    ("plant-pot", "Plant pot", "home", 1390, "Terracotta with a saucer."),
    ("wall-hook", "Wall hook", "home", 890, "Holds a coat, needs one screw."),
)
_SCARCE = (
    ("signed-print", "Signed print", "home", 18900, "One of the last of its edition.", 12),
    ("vintage-typewriter", "Vintage typewriter", "office", 32900, "Restored, with a new ribbon.", 5),
)


def products(now: datetime) -> list[Product]:
    """Return the products with their first stock."""
    rows = [(*row, _PLENTY) for row in _PRODUCTS] + list(_SCARCE)
    return [
        Product(
            id=product_id,
            name=name,
            description=description,
            category=category,
            price=price,
            currency=CURRENCY,
            on_hand=on_hand,
            reserved=0,
            updated_at=now,
        )
        for product_id, name, category, price, description, on_hand in rows
    ]
