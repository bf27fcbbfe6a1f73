"""Tools for money."""

from egpo_verl.toolworld import values
from egpo_verl.toolworld.spec import Spec, choice, optional, real, text, whole

CURRENCIES = ("EUR", "USD", "JPY", "GBP")

SPECS = (
    Spec(
        "transfer_money",
        "Send money to a person.",
        ("transfer money", "send money"),
        (
            text("person", values.person, "to {}"),
            real("amount", 5, 900, "the amount of {}", "namely {}"),
            optional(choice("currency", CURRENCIES, "in {}"), "EUR"),
        ),
    ),
    Spec(
        "convert_currency",
        "Convert an amount of money.",
        ("convert money", "exchange money"),
        (
            real("amount", 5, 900, "the amount of {}", "namely {}"),
            choice("source", CURRENCIES, "from {}"),
            choice("target", CURRENCIES, "to {}", "into {}"),
        ),
    ),
    Spec(
        "get_stock_price",
        "Price of a stock.",
        ("get the stock price", "tell me the price of the stock"),
        (text("symbol", values.code, "of {}", "for {}"),),
    ),
    Spec(
        "pay_bill",
        "Pay a bill.",
        ("pay the bill", "settle the bill"),
        (
            text("company", values.name, "from {}", "of {}"),
            real("amount", 5, 900, "of {}", "over {}"),
        ),
    ),
    Spec(
        "split_bill",
        "Split a bill among people.",
        ("split a bill", "divide a bill"),
        (
            real("amount", 5, 900, "of {}"),
            whole("people", 2, 9, "among {} people", "between {} people"),
            optional(whole("tip", 1, 25, "with {} percent tip"), 0),
        ),
    ),
    Spec(
        "set_budget",
        "Limit the spending of a month.",
        ("set a budget", "limit my spending"),
        (choice("month", values.MONTHS, "for {}"), whole("limit", 100, 900, "to {}")),
        held_out=True,
    ),
)
