"""Boards, images, and the devices on a cable: image, flash, deploy, update."""
