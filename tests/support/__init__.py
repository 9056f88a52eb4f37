"""What tests of several folders use: servers, stores, proxies, a whole service, its checker."""
