/* SPDX-License-Identifier: MIT */
/*
 * Every public function and every status that it documents.
 */
#include "scene.h"

int main(void)
{
    return api_start() + api_refuse() + api_change() + api_look() + api_extent();
}
