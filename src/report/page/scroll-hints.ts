/**
 * @file Shows that something goes on beyond the edge of what scrolls sideways.
 *
 * Every element with the attribute `data-scrolls` gets the class `more-right` or `more-left` while there is more on that
 * side; the style sheet draws the hint.
 */

/** Starts watching. */
export function startScrollHints(): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-scrolls]')) {
    const update = (): void => {
      const rest = element.scrollWidth - element.clientWidth - element.scrollLeft;
      // Widths are rounded, so that a pixel is nothing.
      element.classList.toggle('more-right', rest > 1);
      element.classList.toggle('more-left', element.scrollLeft > 1);
    };
    element.addEventListener('scroll', update, { passive: true });
    new ResizeObserver(update).observe(element);
    update();
  }
}
