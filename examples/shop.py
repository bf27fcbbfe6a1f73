"""A small shop as an environment.

The class needs nothing of this package, and TRL's `environment_factory` takes it as it is
(docs/environments.md). Try it: `python -m egpo_verl.envs shop.py:Shop --rows shop.jsonl`
"""


class Shop:
    """A shop with a stock, and a customer's cart."""

    def reset(self, stock=None, budget=100, **row):
        self.stock = dict(stock or {})
        self.budget = budget
        self.cart = {}
        self.paid = 0

    def search(self, query: str) -> dict:
        """Find products by a part of their name.

        Args:
            query: What to look for.
        """
        return {name: offer for name, offer in self.stock.items() if query.lower() in name}

    def add(self, item: str, count: int = 1) -> dict:
        """Put a product into the cart.

        Args:
            item: The product's exact name.
            count: How many of it.
        """
        if item not in self.stock:
            raise ValueError(f"there is no {item}")
        if not 0 < count <= self.stock[item]["left"]:
            raise ValueError(f"{self.stock[item]['left']} of {item} are left")
        self.stock[item] = {**self.stock[item], "left": self.stock[item]["left"] - count}
        self.cart[item] = self.cart.get(item, 0) + count
        return {"cart": self.cart}

    def remove(self, item: str) -> dict:
        """Take a product out of the cart, all of it.

        Args:
            item: The product's exact name.
        """
        count = self.cart.pop(item)
        self.stock[item] = {**self.stock[item], "left": self.stock[item]["left"] + count}
        return {"cart": self.cart}

    def pay(self) -> dict:
        """Pay for what is in the cart."""
        total = sum(self.stock[item]["price"] * count for item, count in self.cart.items())
        if total > self.budget:
            raise ValueError(f"the budget is {self.budget}, and the cart costs {total}")
        self.budget -= total
        self.paid += total
        self.cart = {}
        return {"paid": total, "left": self.budget}
