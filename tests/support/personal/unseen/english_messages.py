"""English templates of the `unseen` half, by kind."""

from __future__ import annotations

OPENINGS = ("Good evening, ", "hiya ", "Hello, quick question. ", "Excuse me, ", "sorry to bother you, ", "Yes, ")
ENDINGS = (" - cheers", ". Appreciate it.", ", can you check?", " :)", ", many thanks", "...")
BETWEEN = ("yes?", "I'm listening", "okay, and the rest?")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "mobile": (
        "Reach me on {x}",
        "cell {x}",
        "@What's the best number to call you back?|{x}",
        "my mobile is {x}, my wife's is {mobile}",
        "Tel: {x}",
        "@We tried to call {x} twice today.",
        "please update my phone to {x}",
    ),
    "social security": (
        "SSN {x}",
        "my social security is {x}, is that all you need",
        "Social: {x}",
        "@Please provide the social security number.|it's {x}",
    ),
    "bank card": (
        "refund the visa {x}",
        "credit card number: {x}",
        "I paid with {x}",
        "@Could I get the card number?|{x}",
        "the card on file {x} has expired",
    ),
    "e-mail": (
        "you can email me: {x}",
        "the login is {x}",
        "@Could you spell your email for me?|{x}",
        "forward the invoice to {x}",
        "wrong email, it should be {x}",
    ),
    "passport": (
        "passport {x} issued last year",
        "Passport Number: {x}",
        "@And your passport number?|passport no {x}",
        "I registered with my passport number, {x}",
    ),
    "order": (
        "my order number is {x}",
        "Order no: {x}",
        "@Can you tell me the order number?|{x}",
        "order {x} arrived damaged",
        "please cancel order #{x}",
    ),
    "parcel": (
        "the tracking no. is {x}",
        "tracking # {x} shows no updates",
        "@Your parcel left the warehouse, tracking {x}",
        "shipment {x} is lost I think",
    ),
    "coordinates": (
        "pin dropped at {x}",
        "deliver to these coordinates: {x}",
        "our farm is at {x}",
    ),
    "birth date": (
        "date of birth {x}",
        "my birthday is {x}, do I get a coupon",
        "d.o.b. {x}",
        "@Can you verify your date of birth?|sure, {x}",
    ),
    "address": (
        "deliver to {x}",
        "Shipping address: {x}",
        "can you change the address to {x}",
        "@Where should we send it?|{x}",
        "the house is at {x}",
        "it was sent to the wrong place, should be {x}",
    ),
    "name": (
        "I am {x} and I need help with a return",
        "the name on the order is {x}",
        "Full name: {x}",
        "@Who am I speaking with?|{x}",
        "@Thanks for waiting, your account name is {x}.",
        "recipient: {x}, phone {mobile}",
    ),
    "title": (
        "could you ask {x} to call me",
        "@Dear {x}, your refund was issued",
        "it's a gift for {x}",
        "the parcel was signed by {x}",
    ),
}
