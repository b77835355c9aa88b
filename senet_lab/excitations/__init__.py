"""Excitations: the gates of a trained network, class by class, from images to figures and statements."""
