#define MICROPY_HW_BOARD_NAME "M5Stack Atom Echo with uhep"
#define MICROPY_HW_MCU_NAME "ESP32"
