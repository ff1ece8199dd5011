# What a MicroPython build freezes: the agent, the user agent, and what boots. Each board's
# manifest includes this one.
include("$(PORT_DIR)/boards/manifest.py")
package("uhep", base_path="../lib")
package("usip", base_path="../lib")
freeze("../firmware")
