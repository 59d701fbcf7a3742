// Times of the server (UTC) in the reader's own zone and words.

const near = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const far = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const time = new Date(element.dateTime);
    element.textContent = told(time);
    element.title = far.format(time);
  }
}

function told(time) {
  const seconds = (time - Date.now()) / 1000;
  if (seconds > -45) return near.format(0, "second");
  if (seconds > -3600) return near.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return near.format(Math.round(seconds / 3600), "hour");
  return far.format(time);
}
