#define MICROPY_HW_BOARD_NAME "Silicognition wESP32 with uhep"
#define MICROPY_HW_MCU_NAME "ESP32"
