"""Fetching from the web: addresses, pace, http, pages that yt-dlp reads."""
