"""Faults between us and real servers: proxies, and what must hold behind them."""
