// Without any other part of the page: the line that offers to reload. It keeps the address with the room's code.
document.addEventListener('click', (event) => {
  if (!event.target.closest?.('#boot a')) return;
  event.preventDefault();
  location.reload();
});
