"""English templates of the `tried` half, by kind."""

from __future__ import annotations

OPENINGS = ("Hi, ", "Hello! ", "Hey there, ", "Good morning. ", "ok so ", "Hi there - ")
ENDINGS = (", thanks", ". Thank you!", ", please hurry", "!", " asap please", ".")
BETWEEN = ("ok", "Sure, go ahead", "got it")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "mobile": (
        "my phone number is {x}",
        "You can call me at {x}",
        "@I'd just need your phone number.|{x}",
        "text me on {x} when it ships",
        "Phone: {x}, ship to {address}",
        "@Details of {x} have been entered.",
        "the number on the account is {x}",
    ),
    "social security": (
        "my SSN is {x}",
        "social security number {x}",
        "for the store card, ssn: {x}",
        "@Could you confirm your SSN?|{x}",
    ),
    "bank card": (
        "my card number is {x}",
        "charge it to {x}",
        "Card: {x}, exp 09/27",
        "@Which card did you use?|{x}",
        "I was charged twice on {x}",
    ),
    "e-mail": (
        "my email is {x}",
        "{x} is my email address",
        "@What email is on file?|{x}",
        "send the receipt to {x}",
        "Email: {x} and my name is {name}",
    ),
    "passport": (
        "my passport number is {x}",
        "Passport no. {x}",
        "@Passport number please?|Passport: {x}",
        "for customs my passport is {x}",
    ),
    "order": (
        "order number {x}",
        "Order ID: {x}",
        "@May I have your order ID?|{x}",
        "where is my order #{x}",
        "I want to return order {x}",
    ),
    "parcel": (
        "tracking number {x}",
        "Tracking: {x} hasn't moved for a week",
        "@Here is your tracking number: {x}",
        "my package {x} says delivered but it isn't here",
    ),
    "coordinates": (
        "my location is {x}",
        "GPS: {x}",
        "the driver should go to coordinates {x}",
    ),
    "birth date": (
        "my date of birth is {x}",
        "DOB: {x}",
        "I was born on {x}",
        "@For verification, your date of birth?|{x}",
    ),
    "address": (
        "my address is {x}",
        "please ship it to {x}",
        "Address: {x}",
        "@What is your shipping address?|{x}",
        "I moved, the new address is {x}",
        "I live at {x}",
    ),
    "name": (
        "my name is {x}",
        "This is {x}, I ordered a coat last week",
        "Name: {x}",
        "@may I have your name please?|{x}",
        "@Account has been pulled up for {x}.",
        "ship it to {x}, {address}",
    ),
    "title": (
        "I spoke with {x} yesterday",
        "@Thank you {x}, let me check that",
        "please leave it with {x} next door",
        "{x} told me it would be free",
    ),
}
