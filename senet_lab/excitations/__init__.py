"""Excitations: the gates of a trained network, class by class. From labelled images to figures and statements."""
