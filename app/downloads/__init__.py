"""Download clients: SABnzbd, NZBGet, qBittorrent, Transmission and Deluge behind one protocol."""
