import logging

logging.warning("to stderr")
logging.basicConfig(format="%(levelname)s %(name)s %(filename)s:%(lineno)d %(process)d %(message)s".replace("%(process)d", "-"))
logging.getLogger("a").error("with a format")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("with a trace")
