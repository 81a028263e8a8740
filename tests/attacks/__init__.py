"""What an attacker sends, and what they get: tables of requests, with the answer expected for each row."""
