#define MICROPY_HW_BOARD_NAME "LILYGO T-Internet-POE with uhep"
#define MICROPY_HW_MCU_NAME "ESP32"
