"""esp32.NVS of a board that is a process: a file beside its file system."""

import json


class NVS:
    def __init__(self, namespace):
        self.path = "../nvs-%s.json" % namespace
        try:
            with open(self.path) as file:
                self.values = json.load(file)
        except OSError:
            self.values = {}

    def get_blob(self, name, buf):
        if name not in self.values:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        value = self.values[name].encode()
        buf[: len(value)] = value
        return len(value)

    def set_blob(self, name, value):
        if len(name) > 15:
            raise OSError(-4361, "ESP_ERR_NVS_KEY_TOO_LONG")
        self.values[name] = bytes(value).decode()

    def erase_key(self, name):
        if name not in self.values:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        del self.values[name]

    def commit(self):
        with open(self.path, "w") as file:
            json.dump(self.values, file)
