"""What ``analyses/study.py`` is made of."""
