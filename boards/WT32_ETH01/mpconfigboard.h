#define MICROPY_HW_BOARD_NAME "Wireless-Tag WT32-ETH01 with uhep"
#define MICROPY_HW_MCU_NAME "ESP32"
