"""Our own API: the operator's calls, the browser SDK's calls and files, and whatever no other dialect owns."""
